<?php
/** A site that comes from phpredis, and may go back. */

declare(strict_types=1);

test('sessions of phpredis are read and written by rustdb, and the other way round, with nobody logged out', function (Sandbox $sandbox) {
    $php = fn (string $ini, string $session, string $code) => trim(Process::run([Php::cli(), '-c', $ini, '-r',
        "ini_set('session.use_cookies', 0); session_cache_limiter(''); session_id('$session'); session_start(); $code"],
        $sandbox->environment(), worker_user()));
    if (trim(Process::run([Php::cli(), '-r', 'echo extension_loaded("redis") ? 1 : 0;'], $sandbox->environment())) !== '1') {
        missing_package('php-redis');
    }
    $server = new RedisServer($sandbox);
    $theirs = Php::ini($sandbox, 'files', ['session.save_handler' => 'redis', 'session.save_path' => "tcp://127.0.0.1:$server->port",
        'redis.session.locking_enabled' => 1], 'phpredis.ini');
    $ours = Php::ini($sandbox, 'rustdb', Store::on_server($sandbox, "redis://127.0.0.1:$server->port")->settings, 'rustdb.ini');
    $session = random_session();
    $count = '$_SESSION["n"] = ($_SESSION["n"] ?? 0) + 1; echo $_SESSION["n"];';
    foreach ([$theirs, $ours, $theirs, $theirs, $ours, $ours] as $turn => $ini) {
        check_same((string) ($turn + 1), $php($ini, $session, $count), "count in turn $turn");
    }
    $left = (int) $server->execute('ttl', "PHPREDIS_SESSION:$session");
    check($left > 1000 && $left <= 1440 * 1.1 + 1, "a lifetime of $left seconds");
    $php($ours, $session, 'session_destroy();');
    check_same('1', $php($theirs, $session, $count), 'count after rustdb destroyed the session');
});
