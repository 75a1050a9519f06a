<?php
/** php-fpm reloaded and restarted under load, as an administrator does: no acknowledged write is lost. */

declare(strict_types=1);

test('php-fpm reloaded (SIGUSR2) and restarted (SIGQUIT, start) under load loses no acknowledged write', function (Sandbox $sandbox) {
    $site = new Site($sandbox);
    $sessions = array_map(fn () => random_session(), range(1, 16));
    $ledger = new Ledger();
    $done = false;
    $clients = storm($site, $ledger, $sessions, 8, 8000, function () use (&$done) { return $done; });
    $clients[] = (function () use ($site, $ledger, &$done) {
        for ($round = 0; $round < 4; $round++) {
            // Each step waits for progress before and after it: the load was really there.
            yield from progress($ledger);
            yield from $site->fpm->reload();
            yield from progress($ledger);
            yield from $site->fpm->quit();
            $site->fpm->start();
        }
        yield from progress($ledger);
        $done = true;
    })();
    run_clients($clients, 120);
    note("{$ledger->acknowledged()} writes, {$ledger->unknown()} turned away");
    note_spread('request', $ledger->seconds);
    $ledger->settle($site->counter(...));
});

function progress(Ledger $ledger): Generator
{
    $goal = $ledger->acknowledged() + 150;
    yield from until('150 more writes are acknowledged', fn () => $ledger->acknowledged() >= $goal);
}

test('php-fpm stopped without patience (SIGTERM) under load loses no acknowledged write', function (Sandbox $sandbox) {
    only_rustdb('a process that dies between truncating its file and writing it loses the session');
    $site = new Site($sandbox);
    $sessions = array_map(fn () => random_session(), range(1, 16));
    $ledger = new Ledger();
    $done = false;
    $clients = storm($site, $ledger, $sessions, 8, 8000, function () use (&$done) { return $done; });
    $clients[] = (function () use ($site, $ledger, &$done) {
        for ($round = 0; $round < 4; $round++) {
            yield from progress($ledger);
            yield from $site->fpm->quit(SIGTERM);
            $site->fpm->start();
        }
        yield from progress($ledger);
        $done = true;
    })();
    run_clients($clients, 120);
    note("{$ledger->acknowledged()} writes, {$ledger->unknown()} turned away or cut off");
    $ledger->settle($site->counter(...));
});
