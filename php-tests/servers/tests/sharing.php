<?php
/** Several machines on one store: nothing counted twice, nothing lost, nothing handed to another. */

declare(strict_types=1);

test_servers('8 clients on two machines that count one session up 500 times each end at exactly 4,000', function (Sandbox $sandbox, Backend $backend) {
    two_machines($sandbox, $backend->url, function (Site $here, Site $there) {
        $session = random_session();
        $ledger = new Ledger();
        $clients = [];
        for ($i = 0; $i < 8; $i++) {
            $clients[] = (function () use ($here, $there, $session, $ledger, $i) {
                $browser = ($i % 2 === 0 ? $here : $there)->browser($session);
                for ($n = 0; $n < 500; $n++) {
                    check($ledger->enter($session, yield $browser->request('/increment.php')), 'a request failed');
                }
            })();
        }
        run_clients($clients, 180);
        note_spread('request', $ledger->seconds);
        check_same(4000, $here->counter($session), 'counter, seen here');
        check_same(4000, $there->counter($session), 'counter, seen there');
    });
});

test_servers('32 visitors who go to and fro between two machines each find what they left', function (Sandbox $sandbox, Backend $backend) {
    two_machines($sandbox, $backend->url, function (Site $here, Site $there) {
        $clients = [];
        $sessions = [];
        for ($i = 0; $i < 32; $i++) {
            $clients[] = (function () use ($here, $there, $i, &$sessions) {
                $session = null;
                $left = null;
                for ($visit = 0; $visit < 30; $visit++) {
                    $text = bin2hex(random_bytes(random_int(8, 4000)));
                    $machine = random_int(0, 1) === 0 ? $here : $there;
                    $answer = (yield $machine->browser($session)->request('/remember.php', post: ['text' => $text]))->json();
                    check($answer['before'] === $left, "visitor $i found something else on visit $visit: "
                        . substr(json_encode($answer['before']), 0, 100) . ' instead of ' . substr(json_encode($left), 0, 100));
                    check($visit === 0 || $answer['session'] === $session, "visitor $i got another session id on visit $visit");
                    $sessions[$i] = $session = $answer['session'];
                    $left = $text;
                }
            })();
        }
        run_clients($clients);
        check_same(32, count(array_unique($sessions)), 'number of session ids');
    }, ['session.use_strict_mode' => 1]);
});

test_servers('a session held here is waited for there, and handed over with what it became', function (Sandbox $sandbox, Backend $backend) {
    two_machines($sandbox, $backend->url, function (Site $here, Site $there) {
        $session = random_session();
        $here->browser($session)->send('/increment.php')->json();
        $order = [];
        run_clients([
            (function () use ($here, $session, &$order) {
                $answer = (yield $here->browser($session)->request('/increment.php', ['hold' => 'holder']))->json();
                $order['holder'] = $answer['n'];
            })(),
            (function () use ($here, $there, $session, &$order) {
                yield from until('the holder is inside', fn () => $here->signalled('holder'));
                $answer = (yield $there->browser($session)->request('/increment.php', ['before' => 'waiter']))->json();
                $order['waiter'] = $answer['n'];
            })(),
            (function () use ($here, $there, &$order) {
                yield from until('the waiter is at the door', fn () => $there->signalled('waiter'));
                // Longer than any interval at which a waiter looks again.
                yield 0.5;
                check_same([], $order, 'answers while the session is held');
                $here->release('holder');
            })(),
        ]);
        ksort($order);
        check_same(['holder' => 2, 'waiter' => 3], $order, 'counts');
    });
});
