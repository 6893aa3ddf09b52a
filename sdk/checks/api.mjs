// Compares what each package exports with the report that is checked in, so that a breaking change is
// a visible diff. `npm run api -- --write` brings the reports up to date.
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const write = process.argv.includes('--write')
const root = dirname(dirname(fileURLToPath(import.meta.url)))
let isDifferent = false

for (const folder of ['client', 'react', 'react-native', 'testing']) {
  const packageJsonFullPath = join(root, folder, 'package.json')
  const { exports = {} } = JSON.parse(readFileSync(packageJsonFullPath, 'utf8'))
  for (const { import: found } of Object.values(exports)) {
    const entry = found?.types && join(root, folder, found.types)
    if (!entry || !existsSync(entry)) continue
    isDifferent = !report(folder, packageJsonFullPath, entry) || isDifferent
  }
}
if (isDifferent) {
  console.error('The public API is not what sdk/*/api says. If that is meant: npm run api -- --write')
  process.exit(1)
}

function report(folder, packageJsonFullPath, mainEntryPointFilePath) {
  const reportFolder = join(root, folder, 'api')
  mkdirSync(reportFolder, { recursive: true })
  const config = ExtractorConfig.prepare({
    packageJsonFullPath,
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: join(root, folder),
      mainEntryPointFilePath,
      apiReport: {
        enabled: true,
        reportFileName: `${basename(mainEntryPointFilePath, '.d.ts')}.api.md`,
        reportFolder,
        reportTempFolder: join(root, 'node_modules', '.cache', 'api', folder),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'es2020', lib: ['es2020', 'dom'], module: 'nodenext', moduleResolution: 'nodenext', strict: true,
            skipLibCheck: true, types: [], jsx: 'react-jsx',
          },
          files: [mainEntryPointFilePath],
        },
      },
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: {
          default: { logLevel: 'none' },
          'ae-forgotten-export': { logLevel: 'warning', addToApiReportFile: true },
        },
        tsdocMessageReporting: { default: { logLevel: 'none' } },
      },
    },
  })
  const { succeeded, apiReportChanged } = Extractor.invoke(config, {
    localBuild: write,
    messageCallback(message) {
      if (message.logLevel !== 'error') message.handled = true
    },
  })
  if (apiReportChanged && !write) console.error(`${folder}/api/${config.reportFilePath.split('/').pop()} differs`)
  return write || (succeeded && !apiReportChanged)
}
