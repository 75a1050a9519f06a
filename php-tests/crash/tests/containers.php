<?php
/** Two PID namespaces on one store: LMDB tells dead readers by process ids, which mean nothing across namespaces. */

declare(strict_types=1);

test('a second PID namespace is refused while the first one is alive, and welcome afterwards', function (Sandbox $sandbox) {
    $cli = new Cli($sandbox);
    $signals = $sandbox->directory('signals', 01777);
    $resident = $cli->start('stay', ['ids' => ['mine'], 'ready' => "$signals/ready", 'end' => "$signals/end"]);
    wait_until('the first one is at work', fn () => file_exists("$signals/ready") || clearstatcache() !== null);

    $sandbox->expect_logged('/session_start\(\): .*in use by.*(container|PID namespace)/');
    $sandbox->expect_logged('/session_start\(\): Failed to initialize/');
    $outcome = $cli->unshare(['--pid', '--fork', '--mount-proc'], 'eval "$1"', [$cli->command('count', ['ids' => ['mine', 'theirs']])]);
    check_same(['mine' => null, 'theirs' => null], $outcome->json(), 'numbers from the other namespace');
    check($resident->running(), 'the first one ended: ' . file_get_contents($resident->output));

    touch("$signals/end");
    check_same(0, $resident->wait(), 'exit status of the first one, which printed ' . file_get_contents($resident->output));
    $number = json_decode(file_get_contents($resident->output), true)['mine'];
    $outcome = $cli->unshare(['--pid', '--fork', '--mount-proc'], 'eval "$1"', [$cli->command('count', ['ids' => ['mine', 'theirs']])]);
    check_same(['mine' => $number + 1, 'theirs' => 1], $outcome->json(), 'numbers from the other namespace, later');
    $cli->check_sessions(['mine' => $number + 1, 'theirs' => 1], 'back in the first namespace');
});
