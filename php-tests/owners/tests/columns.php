<?php
/** What stands beside the session in a row. */

declare(strict_types=1);

/** Code of a request that logs a user in, or out: where Laravel, UserFrosting and ProcessWire keep the user. */
function log_in(string $kind, string $id, ?int $user): string
{
    $place = match ($kind) {
        'laravel' => '$s["login_web_59ba36addc2b2f9401580f014c7f58ea4e30989d"]',
        'userfrosting' => '$s["account"]["current_user_id"]',
        'processwire' => '$s["Session"]["_user"]["id"]',
    };
    return "visit('$id', function (array &\$s) { " . ($user === null ? "unset($place);" : "$place = $user;") . ' });';
}

test_owner('Laravel', 'user, address and agent are told by either side, and what rustdb does not know stays', function (Owner $at) {
    $columns = fn (string $id) => $at->execute("SELECT user_id,ip_address,user_agent FROM sessions WHERE id='$id'");
    $theirs = "7\t2001:db8::17\tthe User-Agent of a visitor";
    $session = $at->new_id();
    $at->theirs(log_in('laravel', $session, 7), ['OWNER_USER' => '7']);
    check_same($theirs, $columns($session), 'columns of Laravel');
    // On the command line there is neither address nor browser.
    foreach (["count_up('$session');", "visit('$session', fn (array &\$s) => null);"] as $request) {
        $at->age($session, 600);
        $at->ours($request);
        check_same($theirs, $columns($session), 'columns after rustdb');
    }
    $at->ours(log_in('laravel', $session, 8));
    check_same('8' . substr($theirs, 1), $columns($session), 'columns of another user');
    $at->ours(log_in('laravel', $session, null));
    check_same('NULL' . substr($theirs, 1), $columns($session), 'columns after the log-out');
    // A new session where another had expired is nobody's yet.
    $at->age($session, 2 * LIFETIME);
    check_same(1, $at->ours("return count_up('$session');"), 'count anew');
    check_same("NULL\tNULL\tNULL", $columns($session), 'columns of a session that began anew');
    $new = $at->new_id();
    $at->ours(log_in('laravel', $new, 7));
    check_same("7\tNULL\tNULL", $columns($new), 'columns of a new session');
    $at->theirs("count_up('$new');", ['OWNER_USER' => '7']);
    check_same($theirs, $columns($new), 'columns that Laravel filled in');
});

test_owner('UserFrosting', 'the user is told by rustdb, and stays when UserFrosting writes; address and agent are empty', function (Owner $at) {
    [$one, $other] = [$at->new_id(), $at->new_id()];
    $at->theirs(log_in('userfrosting', $one, 7));
    $at->ours("count_up('$other');");
    $columns = fn () => $at->execute("SELECT user_id,ip_address,user_agent FROM sessions ORDER BY id='$one'");
    check_same("NULL\tNULL\tNULL\nNULL\tNULL\tNULL", $columns(), 'columns');
    $at->ours("count_up('$one');");
    $at->theirs("count_up('$one');");
    check_same("NULL\tNULL\tNULL\n7\tNULL\tNULL", $columns(), 'columns of a user');
});

test_owner('ProcessWire', 'page, address and agent stay as ProcessWire wrote them, the user is told by either side, and ProcessWire ends the sessions of a user', function (Owner $at) {
    $columns = fn (string $id) => $at->execute("SELECT user_id,pages_id,INET_NTOA(ip),ua FROM sessions WHERE id='$id'");
    $theirs = "41\t1\t192.0.2.17\ta visitor";
    [$session, $elsewhere, $new, $anew, $there] = array_map(fn () => $at->new_id(), range(1, 5));
    foreach ([$session, $elsewhere] as $id) {
        $at->theirs(log_in('processwire', $id, 41), ['OWNER_USER' => '41']);
        $at->ours("count_up('$id');");
        check_same($theirs, $columns($id), 'columns after rustdb');
    }
    $at->ours("count_up('$new');");
    check_same("0\t0\t0.0.0.0", $columns($new), 'columns of a new session');
    $at->ours(log_in('processwire', $there, 41) . "count_up('$there');");
    check_same("41\t0\t0.0.0.0", $columns($there), 'columns of a new session of the user');
    // A new session where one of the user's had expired is not the user's.
    $at->theirs(log_in('processwire', $anew, 41), ['OWNER_USER' => '41']);
    $at->age($anew, 2 * LIFETIME);
    check_same(1, $at->ours("return count_up('$anew');"), 'count anew');
    // "Disallow parallel sessions", at a log-in.
    $at->execute("DELETE FROM sessions WHERE user_id=41 AND id!='$session'");
    $ids = "['$session', '$elsewhere', '$new', '$anew', '$there']";
    check_same([1, null, 1, 1, null], $at->ours("return array_map('count_of', $ids);"), 'counts');
});

test_owner('Symfony', 'the time of the last write is there whoever wrote', function (Owner $at) {
    $session = $at->new_id();
    foreach (['theirs', 'ours', 'ours', 'theirs'] as $side) {
        $at->$side("count_up('$session');");
        check((int) $at->execute('SELECT UNIX_TIMESTAMP()-sess_time FROM sessions') <= 20, "sess_time of $side");
        $at->execute('UPDATE sessions SET sess_time=sess_time-500');
    }
});
