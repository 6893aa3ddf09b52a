-- One write to the mirror: all of it, or nothing.
--
-- KEYS   1 head  2 rebuild  3 alive  4 as_of  5 sessions  6 cursor
--        then one for each rule, and two for each session: its own, and the mark of its end
-- ARGV   1     the clock of Redis when the writer last heard of it
--        2, 3  what stands in `rebuild`, and what shall stand there; empty outside of a rebuild
--        4, 5  the head that the rules go on from, and the head after them; empty: none is meant
--        6, 7  the same for the cursor of the sessions
--        8, 9  the instants of the two markers; empty: they are left alone
--        10    how many rules there are
--        then three for each rule: "cutoff" or "name", value, expiry
--        and one for each session: when it ends at the latest; empty when it has ended

local MARKER_MS, MARK_MS, REBUILD_MS, CURSOR_MS = 5000, 60000, 30000, 2160000000

local function raise(key, value)
  local held = redis.call('GET', key)
  if not held or tonumber(held) < tonumber(value) then
    redis.call('SET', key, value, 'KEEPTTL')
  end
  return not held
end

local function raise_until(key, value, expires)
  if raise(key, value) then
    redis.call('PEXPIREAT', key, expires)
  else
    redis.call('PEXPIREAT', key, expires, 'GT')
  end
end

local function reached(held, least)
  return held and tonumber(held) >= tonumber(least)
end

local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))

local function answer(accepted)
  return {accepted, now, redis.call('GET', KEYS[1]), redis.call('GET', KEYS[6])}
end

-- What was read so long ago may not be so any more.
if tonumber(now) - tonumber(ARGV[1]) > REBUILD_MS then
  return answer(0)
end
if ARGV[2] ~= '' then
  if redis.call('GET', KEYS[2]) ~= ARGV[2] then
    return answer(0)
  elseif ARGV[3] == '' then
    redis.call('DEL', KEYS[2])
  else
    redis.call('SET', KEYS[2], ARGV[3], 'PX', REBUILD_MS)
  end
end

local rules = tonumber(ARGV[10])
for index = 1, rules do
  local key, arg = KEYS[6 + index], 8 + 3 * index
  local kind, value, expires = ARGV[arg], ARGV[arg + 1], ARGV[arg + 2]
  if kind == 'cutoff' then
    raise_until(key, value, expires)
  else
    redis.call('PEXPIREAT', key, expires, 'GT')
    redis.call('SET', key, value, 'NX', 'PXAT', expires)
  end
end

for index = 1, (#KEYS - 6 - rules) / 2 do
  local key = KEYS[5 + rules + 2 * index]
  local mark = KEYS[6 + rules + 2 * index]
  local expires = ARGV[10 + 3 * rules + index]
  if expires == '' then
    redis.call('DEL', key)
    redis.call('SET', mark, '', 'PX', MARK_MS)
  elseif redis.call('EXISTS', mark) == 0 then
    redis.call('SET', key, expires, 'PXAT', expires)
  end
end

-- A rebuild ends by setting what it was for, whatever was there.
local anew = ARGV[2] ~= '' and ARGV[3] == ''
if ARGV[5] ~= '' then
  if anew or redis.call('GET', KEYS[1]) == ARGV[4] then
    redis.call('SET', KEYS[1], ARGV[5])
  end
  if ARGV[8] ~= '' and reached(redis.call('GET', KEYS[1]), ARGV[5]) then
    raise_until(KEYS[3], ARGV[8], ARGV[8] + MARKER_MS)
    raise(KEYS[4], ARGV[8])
  end
end
if ARGV[7] ~= '' then
  if anew then
    redis.call('SET', KEYS[6], ARGV[7], 'PX', CURSOR_MS)
  elseif reached(redis.call('GET', KEYS[6]), ARGV[6]) then
    raise(KEYS[6], ARGV[7])
    redis.call('PEXPIRE', KEYS[6], CURSOR_MS)
    if ARGV[9] ~= '' then
      raise_until(KEYS[5], ARGV[9], ARGV[9] + MARKER_MS)
    end
  end
end
return answer(1)
