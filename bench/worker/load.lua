-- wrk's side of the php-fpm suite: every thread has one connection and is one visitor with a session of its own,
-- whose id follows the address on the command line. The report is one line of JSON.

local threads = 0

function setup(thread)
   threads = threads + 1
   thread:set("number", threads)
end

function init(arguments)
   wrk.headers["Cookie"] = "PHPSESSID=" .. arguments[number]
end

function done(summary, latency, requests)
   local failed = summary.errors
   io.write(string.format(
      '\n{"requests":%d,"us":%d,"p50":%d,"p99":%d,"failed":%d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      failed.connect + failed.read + failed.write + failed.status + failed.timeout
   ))
end
