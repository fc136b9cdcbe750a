-- Asks for the lease on a turn, the right to answer it. A turn that has an answer gets it again; an older
-- turn gets the newest answer, which asks what is awaited; a turn that another delivery holds is busy.
-- Otherwise the lease is acquired, with the input of the first delivery. Its holder may ask again, and so
-- holds it longer.
-- KEYS call   ARGV turn, slot, holder, input, now in ms, lease in ms, life in ms
-- gives {outcome, session or answer, turn of the answer, input, lang, step}
local call, turn, now = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[5])
local h = redis.call('HMGET', call, 'turn', 'lease_holder', 'lease_until_ms', 'input', 'session', 'lang', 'step')
local awaited, lang, step = tonumber(h[1] or ''), h[6] or '', h[7] or ''

local held = turn == awaited and h[2] == ARGV[3]

if awaited and turn <= awaited and not held then
  local own = redis.call('HMGET', call, 'g:' .. ARGV[1] .. ':' .. ARGV[2], 'a:' .. ARGV[1])
  local stands = own[1] or own[2]
  if stands then
    return {'answered', stands, ARGV[1], '', lang, step}
  end
end
if awaited and turn < awaited then
  local newest = string.format('%d', awaited - 1)
  local answer = redis.call('HGET', call, 'a:' .. newest)
  if answer then
    return {'older', answer, newest, '', lang, step}
  end
  return {'busy', '', '', '', lang, step} -- Redis lost the call, and a later turn is bringing it back
end
if turn == awaited and tonumber(h[3] or '0') > now and not held then
  return {'busy', '', '', '', lang, step}
end

-- A turn beyond the awaited one: the hash is older than the call. Counting goes on from the number in
-- the URL, never back; the session's own turn shows that it is older.
local input = ARGV[4]
if turn == awaited and h[4] then
  input = h[4]
end
redis.call('HSET', call, 'turn', ARGV[1], 'lease_holder', ARGV[3], 'input', input,
  'lease_until_ms', string.format('%d', now + tonumber(ARGV[6])))
redis.call('PEXPIRE', call, ARGV[7])
return {'acquired', h[5] or '', '', input, lang, step}
