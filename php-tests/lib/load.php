<?php
/**
 * Many visitors at once in one process. A client is a generator: it yields a Request and gets the
 * Response, or yields a number and sleeps that many seconds; so its story reads from top to bottom
 * although all of them run at the same time.
 *
 *     run_clients([(function () use ($browser) {
 *         $response = yield $browser->request('/page.php');
 *         yield 0.01;
 *     })()]);
 */

declare(strict_types=1);

/**
 * Runs the clients until the last one is done. What a client throws ends the run and is thrown here.
 *
 * @param iterable<Generator> $clients
 * @param float $limit seconds after which the run counts as hung
 */
function run_clients(iterable $clients, float $limit = 90): void
{
    $multi = curl_multi_init();
    /** @var array<int, array{Generator, Request}> $waiting by the id of the curl handle */
    $waiting = [];
    /** @var list<array{float, Generator}> $sleeping */
    $sleeping = [];
    $deadline = microtime(true) + $limit;

    $take = function (Generator $client) use ($multi, &$waiting, &$sleeping): void {
        if (!$client->valid()) {
            return;
        }
        $wish = $client->current();
        if ($wish instanceof Request) {
            curl_multi_add_handle($multi, $wish->handle);
            $waiting[spl_object_id($wish->handle)] = [$client, $wish];
        } else {
            $sleeping[] = [microtime(true) + $wish, $client];
        }
    };

    try {
        foreach ($clients as $client) {
            $take($client);
        }
        while ($waiting !== [] || $sleeping !== []) {
            check(microtime(true) < $deadline, "clients are not done after $limit s");
            curl_multi_exec($multi, $active);
            $moved = false;
            while ($done = curl_multi_info_read($multi)) {
                $moved = true;
                [$client, $request] = $waiting[spl_object_id($done['handle'])];
                unset($waiting[spl_object_id($done['handle'])]);
                $body = (string) curl_multi_getcontent($done['handle']);
                $error = $done['result'] === CURLE_OK ? '' : (string) curl_strerror($done['result']);
                $response = $request->browser->response($body, $error);
                curl_multi_remove_handle($multi, $done['handle']);
                $client->send($response);
                $take($client);
            }
            $now = microtime(true);
            $next = 0.05;
            foreach ($sleeping as $key => [$until, $client]) {
                if ($until <= $now) {
                    $moved = true;
                    unset($sleeping[$key]);
                    $client->next();
                    $take($client);
                } else {
                    $next = min($next, $until - $now);
                }
            }
            if (!$moved) {
                if ($waiting === []) {
                    usleep((int) ($next * 1e6) + 1);
                } else {
                    curl_multi_select($multi, $next);
                }
            }
        }
    } finally {
        foreach ($waiting as [, $request]) {
            curl_multi_remove_handle($multi, $request->handle);
        }
        curl_multi_close($multi);
    }
}

/** For a client: sleeps in small steps until the condition holds, while the others go on. */
function until(string $what, callable $condition, float $limit = 20): Generator
{
    $deadline = microtime(true) + $limit;
    while (!($result = $condition())) {
        check(microtime(true) < $deadline, "waited $limit s in vain until $what");
        yield 0.002;
    }
    return $result;
}
