-- What wrk runs against every server that tests/bench/run measures: each thread goes round the form
-- bodies of a file, beginning at an offset of its own, and writes the access token of each 200 to a
-- file of its own. Whoever reads it checks every one of them later.
--
--   BENCH_BODIES=FILE BENCH_TOKENS=PREFIX wrk -t 2 -c 32 -d 10s --timeout 10s -s wrk.lua URL
--
--   BENCH_BODIES   the form bodies, one a line
--   BENCH_TOKENS   the tokens go to PREFIX.1, PREFIX.2, ..., one a line
--
-- Without --timeout, an answer that took 2 s counts among the errors and its latency nowhere,
-- though its token is kept.
--
-- The last line of the output is a JSON object: requests (answers that have come), tokens (200s
-- with a token, or that say of one that it is active), errors (of connections), non200 (counts by
-- status), duration_us, latency_us (p50, p90, p99, max), bytes.

local find, sub = string.find, string.sub

local KEPT_MAX = 10000

local threads = {}

-- This one runs in wrk's main state, the others in the thread's.
function setup(thread)
	threads[#threads + 1] = thread
	thread:set("id", #threads)
end

local requests, count, at = {}, 0, 0
local bodies, heads = nil, {}
local file
tokens = 0 -- globals, for done() to fetch
statuses = {}

-- Of bodies of one length the heads are the same.
local function make(body)
	local head = heads[#body]
	if not head then
		local whole = wrk.format("POST", nil, { ["Content-Type"] = "application/x-www-form-urlencoded" }, body)
		head = sub(whole, 1, #whole - #body)
		heads[#body] = head
	end
	return head .. body
end

-- Requests are kept, but not hundreds of thousands of them: looking through those for garbage, Lua
-- would need more of the machine the more clients there are.
function init(args)
	local path = assert(os.getenv("BENCH_BODIES"), "BENCH_BODIES is not set")
	bodies = assert(io.open(path))
	bodies:setvbuf("full", 65536)
	local body = bodies:read()
	while body and count < KEPT_MAX do
		count = count + 1
		requests[count] = make(body)
		body = bodies:read()
	end
	assert(count > 0, "no bodies")
	if body then
		requests = nil
		bodies:seek("set", 0)
		for _ = 1, (id - 1) * 7919 do -- a prime, so that threads are far from each other
			bodies:read()
		end
	else
		at = (id - 1) * 7919 % count
	end
	local prefix = assert(os.getenv("BENCH_TOKENS"), "BENCH_TOKENS is not set")
	file = assert(io.open(prefix .. "." .. id, "w"))
	file:setvbuf("full", 1048576) -- wrk leaves main by returning, and then the C library writes what is left
end

function request()
	if not requests then
		local body = bodies:read()
		if not body then
			bodies:seek("set", 0)
			body = bodies:read()
		end
		return make(body)
	end
	at = at % count + 1
	return requests[at]
end

-- Plain searches, which LuaJIT compiles; every JWT begins with eyJ.
function response(status, headers, body)
	if status == 200 then
		local from = find(body, '"access_token"', 1, true)
		from = from and find(body, "eyJ", from, true)
		local to = from and find(body, '"', from, true)
		if to then
			file:write(sub(body, from, to - 1), "\n")
			tokens = tokens + 1
			return
		end
		if find(body, '"active":true', 1, true) then -- of /oauth2/introspect
			tokens = tokens + 1
			return
		end
	end
	statuses[status] = (statuses[status] or 0) + 1
end

function done(summary, latency)
	local total, by_status, parts = 0, {}, {}
	for _, thread in ipairs(threads) do
		total = total + thread:get("tokens")
		for status, n in pairs(thread:get("statuses")) do
			by_status[status] = (by_status[status] or 0) + n
		end
	end
	for status, n in pairs(by_status) do
		parts[#parts + 1] = string.format('"%d":%d', status, n)
	end
	local e = summary.errors
	io.write(string.format(
		'{"requests":%d,"tokens":%d,"errors":%d,"non200":{%s},"duration_us":%d,"latency_us":{"p50":%d,"p90":%d,"p99":%d,"max":%d},"bytes":%d}\n',
		summary.requests, total, e.connect + e.read + e.write + e.timeout, table.concat(parts, ","), summary.duration,
		latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max, summary.bytes))
end
