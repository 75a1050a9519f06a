<?php
/** Several machines on one store: nothing counted twice, nothing lost, nothing handed to another. */

declare(strict_types=1);

test_servers('8 clients on two machines that count one session up 500 times each end at exactly 4,000', function (Sandbox $sandbox, Backend $backend) {
    two_machines($sandbox, $backend->url, function (Site $here, Site $there) {
        $session = random_session();
        $ledger = new Ledger();
        run_clients(counters([$here, $there], $ledger, $session, 8, 500), 180);
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
    // Longer than any interval at which a waiter looks again.
    two_machines($sandbox, $backend->url, fn (Site $here, Site $there) => hold_and_hand_over($here, $there, 0.5));
});
