<?php
/**
 * Workers that end in an orderly way, or are ended, before the background thread has brought their
 * sessions to the disk: the interval is a minute here, longer than these tests.
 */

declare(strict_types=1);

const UNFLUSHED = ['rustdb.flush_interval' => 60];

/** Counts each of these sessions up once, one after the other. */
function count_all(Site $site, array $sessions, int $expected): void
{
    foreach ($sessions as $session) {
        check_same($expected, $site->browser($session)->send('/increment.php', ['size' => 2000])->json()['n'], "session $session");
    }
}

test('workers that end by pm.max_requests leave every session', function (Sandbox $sandbox) {
    $site = new Site($sandbox, UNFLUSHED, ['pm.max_requests' => 10]);
    $first = $site->fpm->workers();
    $sessions = array_map(fn () => random_session(), range(1, 60));
    for ($n = 1; $n <= 4; $n++) {
        count_all($site, $sessions, $n);
    }
    check(array_intersect($first, $site->fpm->workers()) === [], 'pm.max_requests ended no worker');
    foreach ($sessions as $session) {
        check_same(4, $site->counter($session), "session $session");
    }
});

test('workers ended by SIGTERM leave every session', function (Sandbox $sandbox) {
    $site = new Site($sandbox, UNFLUSHED);
    $sessions = array_map(fn () => random_session(), range(1, 100));
    for ($n = 1; $n <= 3; $n++) {
        count_all($site, $sessions, $n);
        $workers = $site->fpm->workers();
        array_map(fn ($pid) => posix_kill($pid, SIGTERM), $workers);
        wait_until('new workers are there', fn () => count($site->fpm->workers()) === 4 && array_intersect($workers, $site->fpm->workers()) === []);
    }
    foreach ($sessions as $session) {
        check_same(3, $site->counter($session), "session $session");
    }
});

test('idle workers ended by php-fpm (pm=ondemand) leave every session', function (Sandbox $sandbox) {
    $site = new Site($sandbox, UNFLUSHED, ['pm' => 'ondemand', 'pm.process_idle_timeout' => '1s']);
    $sessions = array_map(fn () => random_session(), range(1, 50));
    for ($n = 1; $n <= 2; $n++) {
        count_all($site, $sessions, $n);
        wait_until('the idle workers have ended', $site->fpm->has_no_workers(...), 30);
    }
    foreach ($sessions as $session) {
        check_same(2, $site->counter($session), "session $session");
    }
});

test('what ended workers left in memory is brought to the disk by the next process', function (Sandbox $sandbox) {
    only_rustdb('it has no memory');
    $site = new Site($sandbox, UNFLUSHED);
    $sessions = array_map(fn () => random_session(), range(1, 50));
    count_all($site, $sessions, 1);
    array_map(fn ($pid) => posix_kill($pid, SIGKILL), $site->fpm->workers());
    $site->fpm->stop();
    $site->store->flush();
    $site->store->remove_buffer();
    $site->fpm->start();
    foreach ($sessions as $session) {
        check_same(1, $site->counter($session), "session $session after the memory was taken away");
    }
});
