<?php
/**
 * What becomes of requests with an id that another request replaces or ends: with one machine, or with two that share a
 * store.
 */

declare(strict_types=1);

/** A session that has something in it. */
function started(Site $site): string
{
    $session = random_session();
    return $site->browser($session)->send('/account.php', ['add' => 'basket'])->json()['session'];
}

/** While one request has replaced the id and still runs, others come by the old one, wait, and go on with the new session. */
function follow_a_log_in(Site $here, Site $there, bool $strict): void
{
    $old = started($here);
    $answers = [];
    $clients = [(function () use ($here, $old, &$answers) {
        $answers['log-in'] = (yield $here->browser($old)->request('/account.php', ['do' => 'log-in', 'hold' => 'log-in']))->json();
    })()];
    foreach (['a', 'b'] as $name) {
        $clients[] = (function () use ($here, $there, $old, $name, $strict, &$answers) {
            yield from until('the id has been replaced', fn () => $here->signalled('log-in'));
            $answer = yield $there->browser($old)->request('/account.php', ['before' => $name, 'add' => $name]);
            $answers[$name] = $answer->json();
            check_same($strict, str_contains((string) $answer->header('set-cookie'), $answers[$name]['session']), 'whether a cookie with the new id is sent');
        })();
    }
    $clients[] = (function () use ($here, $there, $old, &$answers) {
        foreach (['a', 'b'] as $name) {
            yield from until("$name is at the door", fn () => $there->signalled($name));
        }
        // Who only reads does not wait, and sees what is stored.
        $read = (yield $here->browser($old)->request('/account.php', ['do' => 'read']))->json();
        check_same(['basket' => 1], $read['found'], 'what is read meanwhile');
        yield 0.3;
        check_same([], $answers, 'answers while the session was held');
        $here->release('log-in');
    })();
    run_clients($clients);
    $new = $answers['log-in']['session'];
    check($new !== $old, 'the id was not replaced');
    foreach (['a', 'b'] as $name) {
        check_same('emma', $answers[$name]['found']['user'] ?? null, "user found by $name");
        check_same($strict ? $new : $old, $answers[$name]['session'], "id of $name");
    }
    foreach ([$new, $old] as $id) {
        $left = $there->browser($id)->send('/account.php')->json()['found'];
        ksort($left);
        check_same(['a' => 1, 'b' => 1, 'basket' => 1, 'user' => 'emma'], $left, 'the session at the end, by ' . ($id === $new ? 'the new id' : 'the old one'));
    }
}

/** Visitors who count one session up, while each of them replaces its id from time to time: no count is lost. */
function count_under_changing_ids(array $sites, int $clients, int $times): void
{
    $old = started($sites[0]);
    $stories = [];
    $last = $old;
    for ($client = 0; $client < $clients; $client++) {
        $stories[] = (function () use ($sites, $client, $times, $old, &$last) {
            $id = $old;
            for ($i = 1; $i <= $times; $i++) {
                $query = ['count' => 1] + (($i + $client) % 10 === 0 ? ['do' => 'log-in'] : []);
                $answer = (yield $sites[($client + $i) % count($sites)]->browser($id)->request('/account.php', $query))->json();
                check_same(1, $answer['found']['basket'] ?? null, "what client $client found at its request $i");
                $last = $id = $answer['session'];
            }
        })();
    }
    run_clients($stories, 180);
    check($last !== $old, 'the id was never replaced');
    check_same($clients * $times, $sites[0]->browser($last)->send('/account.php')->json()['found']['n'], 'count at the end');
}

/** A log-out by destroying and starting again, while a slower request with the same id waits for its turn. */
function log_out_before_a_waiter(Site $here, Site $there): void
{
    $id = started($here);
    run_clients([
        (function () use ($here, $id, &$out) {
            $out = (yield $here->browser($id)->request('/account.php', ['do' => 'log-out', 'hold' => 'out']))->json();
        })(),
        (function () use ($here, $there, $id, &$waiter) {
            yield from until('the session was ended', fn () => $here->signalled('out'));
            $waiter = (yield $there->browser($id)->request('/account.php', ['before' => 'waiter', 'add' => 'late']))->json();
        })(),
        (function () use ($here, $there) {
            yield from until('the waiter is at the door', fn () => $there->signalled('waiter'));
            yield 0.2;
            $here->release('out');
        })(),
    ]);
    check_same([[], ['guest' => 1], $id], [$out['found'], $out['left'], $out['session']], 'the session started again');
    check_same(['guest' => 1], $waiter['found'], 'what the waiter found');
    check_same(['guest' => 1, 'late' => 1], $there->browser($id)->send('/account.php')->json()['found'], 'the session at the end');
}

/**
 * Without locks: a slower request that opened the session before another one ended it, or replaced its id, and writes it
 * after that.
 */
function end_before_a_slower_writer(Site $here, Site $there, string $do): array
{
    $id = started($here);
    run_clients([
        (function () use ($here, $id) {
            $slow = (yield $here->browser($id)->request('/account.php', ['hold' => 'slow', 'add' => 'slow']))->json();
            check_same(['basket' => 1], $slow['found'], 'what the slower one found');
        })(),
        (function () use ($here, $there, $id, $do, &$other) {
            yield from until('the slower one is inside', fn () => $here->signalled('slow'));
            $other = (yield $there->browser($id)->request('/account.php', ['do' => $do]))->json();
            $here->release('slow');
        })(),
    ]);
    return [$id, $other];
}
