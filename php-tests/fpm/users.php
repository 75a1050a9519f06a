<?php
/** All sessions of a user, listed and ended: with one machine, or with two that share a store. */

declare(strict_types=1);

const OF_USERS = ['rustdb.user_key' => 'user'];

/** The ids in an answer of users.php, in order. */
function ids_of(array $answer): array
{
    $ids = array_column($answer['sessions'], 'id');
    sort($ids);
    return $ids;
}

/** A user who is logged in here and there ends all sessions but one, while a request of one of them is under way. */
function log_out_everywhere(Site $here, Site $there): void
{
    $log_in = fn (Site $site) => $site->browser(started($site))->send('/account.php', ['do' => 'log-in'])->json()['session'];
    $guest = started($here);
    [$one, $two, $slow] = [$log_in($here), $log_in($there), $log_in($here)];
    $all = [$one, $two, $slow];
    sort($all);
    $list = fn () => $here->browser($one)->send('/users.php', ['of' => 'emma'])->json();
    check_same($all, ids_of($list()), 'sessions of the user');
    check_same($all, ids_of($there->browser($guest)->send('/users.php', ['of' => 'emma'])->json()), 'the same, asked elsewhere');
    check_same([$one], array_column(array_filter($list()['sessions'], fn ($session) => $session['current']), 'id'), 'the current one');
    run_clients([
        (function () use ($here, $slow) {
            yield $here->browser($slow)->request('/account.php', ['hold' => 'slow', 'add' => 'late']);
        })(),
        (function () use ($here, $there, $one, &$answer) {
            yield from until('the slow one is inside', fn () => $here->signalled('slow'));
            $answer = (yield $there->browser($one)->request('/users.php', ['of' => 'emma', 'end' => 'others']))->json();
            $here->release('slow');
        })(),
    ]);
    check_same([2, [$one]], [$answer['ended'], ids_of($answer)], 'how many were ended, and what is left');
    check_same([$one], ids_of($list()), 'sessions of the user when the slow request has ended');
    foreach ([$two, $slow] as $id) {
        foreach ([$here, $there] as $site) {
            check_same([], $site->browser($id)->send('/account.php', ['do' => 'read'])->json()['found'], 'an ended session');
        }
    }
    foreach ([$one => ['basket' => 1, 'user' => 'emma'], $guest => ['basket' => 1]] as $id => $left) {
        check_same($left, $here->browser((string) $id)->send('/account.php', ['do' => 'read'])->json()['found'], 'a session that was left alone');
    }
    check_same(1, $here->browser($guest)->send('/users.php', ['of' => 'emma', 'end' => 'all'])->json()['ended'], 'the last one');
    check_same([], $there->browser($one)->send('/account.php', ['do' => 'read'])->json()['found'], 'the last session of the user');
}
