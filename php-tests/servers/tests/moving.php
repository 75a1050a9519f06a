<?php
/**
 * Sessions that their real owners have written are brought over by `rustdb.migrate_from`: PHP's files, phpredis,
 * php-memcached, Illuminate, Symfony, and what ProcessWire and Cm_RedisSession leave in a table and a hash.
 */

declare(strict_types=1);

/** A place that sessions come from: php.ini settings of its owner, PHP code that installs its handler, and the URL. */
final class OldPlace
{
    /** @param array<string, string|int> $settings */
    public function __construct(public readonly string $url, public readonly array $settings = [], public readonly string $install = '',
        private readonly string $modules = '')
    {
    }

    /** Runs code of the owner's in a session. */
    public function run(Sandbox $sandbox, string $session, string $code): string
    {
        foreach (array_filter(explode(' ', $this->modules)) as $module) {
            if (trim(Process::run([Php::cli(), '-r', "echo (int) extension_loaded('$module');"], $sandbox->environment())) !== '1') {
                missing_package("php-$module");
            }
        }
        $ini = Php::ini($sandbox, 'files', $this->settings + ['session.gc_maxlifetime' => 3000], 'owner.ini');
        return in_session($sandbox, $ini, $session, $code, $this->install);
    }
}

function in_session(Sandbox $sandbox, string $ini, string $session, string $code, string $install = ''): string
{
    return trim(Php::run($sandbox, $ini, ['-r', "ini_set('session.use_cookies', 0); session_cache_limiter(''); $install
        session_id('$session'); session_start(); $code"]));
}

/** PHP code that loads a class library of Debian's. */
function library(string $name, string $package): string
{
    $file = "/usr/share/php/$name/autoload.php";
    is_file($file) || missing_package($package);
    return "require '$file';";
}

function memcached(Sandbox $sandbox): int
{
    is_executable('/usr/bin/memcached') || missing_package('memcached');
    $port = free_port();
    $user = posix_geteuid() === 0 ? ['-u', worker_user()] : [];
    $process = $sandbox->start('memcached', ['memcached', '-l', '127.0.0.1', '-p', (string) $port, '-m', '64', ...$user]);
    wait_until('memcached listens', function () use ($process, $port) {
        check($process->running(), 'memcached ended: ' . file_get_contents($process->output));
        return @stream_socket_client("tcp://127.0.0.1:$port", timeout: 1);
    });
    return $port;
}

const COUNT = '$_SESSION["n"] = ($_SESSION["n"] ?? 40) + 1; $_SESSION["name"] = "Жan"; echo $_SESSION["n"], $_SESSION["name"];';
const LOOK = 'echo json_encode([$_SESSION["n"] ?? null, $_SESSION["name"] ?? null], JSON_UNESCAPED_UNICODE);';

/** A visitor of the old place goes on here; one who logs out here is logged out there too. */
function moves_in(Sandbox $sandbox, OldPlace $place): void
{
    [$visitor, $leaver, $stranger] = [random_session(), random_session(), random_session()];
    foreach ([$visitor, $leaver] as $session) {
        check_same('41Жan', $place->run($sandbox, $session, COUNT), 'the owner counts');
    }
    $store = Store::fresh($sandbox);
    $ini = Php::ini($sandbox, 'rustdb', ['rustdb.migrate_from' => $place->url, 'session.use_strict_mode' => 1] + $store->settings);
    $ours = fn (string $session, string $code) => in_session($sandbox, $ini, $session, $code);
    check_same('[41,"Жan"]', $ours($visitor, 'session_abort(); session_start(["read_and_close" => true]); ' . LOOK), 'read_and_close');
    check_same('42Жan', $ours($visitor, COUNT), 'the visitor goes on');
    check_same('43Жan', $ours($visitor, COUNT), 'and on');
    check_same('[41,"Жan"]', $place->run($sandbox, $visitor, LOOK), 'the old copy, which nobody asked to remove');
    check_same("[\"$leaver\",41]", $ours($leaver, 'echo json_encode([session_id(), $_SESSION["n"]]); session_destroy();'), 'the leaver');
    check_same('[null,null]', $ours($leaver, LOOK), 'who has logged out here');
    check_same('[null,null]', $place->run($sandbox, $leaver, LOOK), 'who has logged out here, there');
    check_same('0', $ours($stranger, 'echo (int) (session_id() === "' . $stranger . '");'), 'an id that nobody knows');
    check_same(2, $store->status()['migrated'], 'sessions brought over');
    check_same('43', $ours($visitor, 'session_regenerate_id(true); echo $_SESSION["n"];'), 'a new id');
    check_same('[null,null]', $place->run($sandbox, $visitor, LOOK), 'the old id, there');
}

foreach ([0, 2] as $depth) {
    test("sessions of PHP's files, $depth directories deep, are brought over", function (Sandbox $sandbox) use ($depth) {
        $path = $sandbox->directory('old', 0700, worker_user());
        foreach ($depth === 0 ? [] : str_split('0123456789abcdef') as $first) {
            foreach (str_split('0123456789abcdef') as $second) {
                Process::run(['mkdir', '-p', "$path/$first/$second"], user: worker_user());
            }
        }
        $save_path = $depth === 0 ? $path : "$depth;$path";
        moves_in($sandbox, new OldPlace("files://$path?lifetime=3000&depth=$depth", ['session.save_path' => $save_path]));
    });
}

test('sessions of phpredis are brought over', function (Sandbox $sandbox) {
    $server = new RedisServer($sandbox, ['--requirepass', PASSWORD]);
    $password = rawurlencode(PASSWORD);
    moves_in($sandbox, new OldPlace("redis://:$password@127.0.0.1:$server->port", ['session.save_handler' => 'redis',
        'session.save_path' => "tcp://127.0.0.1:$server->port?auth=$password", 'redis.session.locking_enabled' => 1], modules: 'redis'));
});

test('sessions of php-memcached are brought over, and one that it has locked is waited for', function (Sandbox $sandbox) {
    $port = memcached($sandbox);
    $place = new OldPlace("memcached://127.0.0.1:$port", ['session.save_handler' => 'memcached',
        'session.save_path' => "127.0.0.1:$port", 'memcached.sess_locking' => 1], modules: 'memcached');
    moves_in($sandbox, $place);
    $session = random_session();
    $place->run($sandbox, $session, COUNT);
    $directory = $sandbox->directory('signals', 01777);
    $owner = Php::ini($sandbox, 'files', $place->settings, 'holder.ini');
    $holder = $sandbox->start('holder', [Php::cli(), '-c', $owner, '-r', "ini_set('session.use_cookies', 0); session_cache_limiter('');
        session_id('$session'); session_start(); touch('$directory/held');
        while (!file_exists('$directory/release')) { usleep(1000); clearstatcache(); } \$_SESSION['n'] = 99;"], user: worker_user());
    wait_until('php-memcached has the session', fn () => file_exists("$directory/held"));
    $settings = ['rustdb.migrate_from' => $place->url] + Store::fresh($sandbox, 'elsewhere')->settings;
    $impatient = Php::ini($sandbox, 'rustdb', $settings + ['rustdb.lock_wait' => 0], 'impatient.ini');
    $said = in_session($sandbox, $impatient, $session, 'echo json_encode(session_status() === PHP_SESSION_ACTIVE);');
    check_same('false', $said, 'a session that php-memcached has locked was started');
    $sandbox->expect_logged('/rustdb\.migrate_from.*rustdb\.lock_wait|Failed to read session data: rustdb/');
    touch("$directory/release");
    check_same(0, $holder->wait(), 'the holder');
    $ini = Php::ini($sandbox, 'rustdb', $settings);
    check_same('100Жan', in_session($sandbox, $ini, $session, COUNT), 'after php-memcached has written it');
});

test("files of Illuminate's FileSessionHandler are brought over", function (Sandbox $sandbox) {
    $path = $sandbox->directory('old', 0700, worker_user());
    $install = library('Illuminate/Session', 'php-illuminate-session') . library('Illuminate/Filesystem', 'php-illuminate-filesystem')
        . "session_set_save_handler(new Illuminate\\Session\\FileSessionHandler(new Illuminate\\Filesystem\\Filesystem, '$path', 50), true);";
    moves_in($sandbox, new OldPlace("files://$path?lifetime=3000&prefix=", install: $install));
});

/** A MariaDB with an empty database; its socket, and the URL of the database. @return array{MariaDb, string} */
function old_database(Sandbox $sandbox, string $sql = ''): array
{
    $server = new MariaDb($sandbox, "CREATE DATABASE old CHARACTER SET utf8mb4; CREATE USER 'keeper'@'localhost' IDENTIFIED BY 'k';
        GRANT ALL ON old.* TO 'keeper'@'localhost'; USE old; $sql");
    return [$server, 'mysql://keeper:k@localhost/old?socket=' . rawurlencode($server->socket)];
}

test("rows of Illuminate's DatabaseSessionHandler are brought over", function (Sandbox $sandbox) {
    [$server, $url] = old_database($sandbox, 'CREATE TABLE sessions (id varchar(255) NOT NULL, user_id int NULL, ip_address varchar(45) NULL,
        user_agent text NULL, payload text NOT NULL, last_activity int NOT NULL, UNIQUE sessions_id_unique (id))');
    $install = library('Illuminate/Session', 'php-illuminate-session') . library('Illuminate/Database', 'php-illuminate-database') . "
        \$capsule = new Illuminate\\Database\\Capsule\\Manager;
        \$capsule->addConnection(['driver' => 'mysql', 'unix_socket' => '$server->socket', 'host' => 'localhost', 'database' => 'old',
            'username' => 'keeper', 'password' => 'k', 'charset' => 'utf8mb4', 'collation' => 'utf8mb4_unicode_ci', 'prefix' => '']);
        \$handler = new Illuminate\\Session\\DatabaseSessionHandler(\$capsule->getConnection(), 'sessions', 50);
        session_set_save_handler(\$handler, true);";
    moves_in($sandbox, new OldPlace("$url&lifetime=3000", install: $install));
});

test("keys of Symfony's RedisSessionHandler are brought over", function (Sandbox $sandbox) {
    $server = new RedisServer($sandbox);
    $install = library('Symfony/Component/HttpFoundation', 'php-symfony-http-foundation') . "
        \$redis = new Redis; \$redis->connect('127.0.0.1', $server->port);
        session_set_save_handler(new Symfony\\Component\\HttpFoundation\\Session\\Storage\\Handler\\RedisSessionHandler(\$redis), true);";
    moves_in($sandbox, new OldPlace("redis://127.0.0.1:$server->port?prefix=sf_s", install: $install, modules: 'redis'));
});

test("rows of Symfony's PdoSessionHandler are brought over", function (Sandbox $sandbox) {
    [$server, $url] = old_database($sandbox);
    $install = library('Symfony/Component/HttpFoundation', 'php-symfony-http-foundation') . "
        \$pdo = new PDO('mysql:unix_socket=$server->socket;dbname=old', 'keeper', 'k', [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
        \$handler = new Symfony\\Component\\HttpFoundation\\Session\\Storage\\Handler\\PdoSessionHandler(\$pdo);
        \$pdo->query(\"SHOW TABLES LIKE 'sessions'\")->fetch() || \$handler->createTable();
        session_set_save_handler(\$handler, true);";
    moves_in($sandbox, new OldPlace($url, install: $install));
});

test('rows of ProcessWire are brought over', function (Sandbox $sandbox) {
    // As SessionHandlerDB makes and fills it. (Callables instead of an object are deprecated since PHP 8.4.)
    [$server, $url] = old_database($sandbox, "CREATE TABLE sessions (id char(32) NOT NULL, user_id int unsigned NOT NULL,
        pages_id int unsigned NOT NULL, data mediumtext NOT NULL, ts timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
        ip int unsigned NOT NULL DEFAULT 0, ua varchar(250) NOT NULL DEFAULT '', PRIMARY KEY (id), INDEX pages_id (pages_id),
        INDEX user_id (user_id), INDEX ts (ts)) ENGINE=InnoDB DEFAULT CHARSET=utf8");
    $install = "\$pdo = new PDO('mysql:unix_socket=$server->socket;dbname=old;charset=utf8', 'keeper', 'k', [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
        @session_set_save_handler(fn () => true, fn () => true, function (\$id) use (\$pdo) {
            \$query = \$pdo->prepare('SELECT data FROM sessions WHERE id=:id'); \$query->execute(['id' => \$id]);
            return (string) \$query->fetchColumn();
        }, fn (\$id, \$data) => \$pdo->prepare('INSERT INTO sessions SET id=:id, user_id=41, pages_id=1, data=:data
            ON DUPLICATE KEY UPDATE user_id=VALUES(user_id), pages_id=VALUES(pages_id), data=VALUES(data), ts=NOW()')->execute(['id' => \$id, 'data' => \$data]),
        fn (\$id) => \$pdo->prepare('DELETE FROM sessions WHERE id=:id')->execute(['id' => \$id]), fn () => true);";
    moves_in($sandbox, new OldPlace("$url&lifetime=3000", install: $install));
});

test('hashes of Cm_RedisSession, packed with gz, are brought over', function (Sandbox $sandbox) {
    $server = new RedisServer($sandbox);
    // As _writeRawSession, _encodeData and read of its Handler do it.
    $install = "\$redis = new Redis; \$redis->connect('127.0.0.1', $server->port); \$redis->select(2);
        @session_set_save_handler(fn () => true, fn () => true, function (\$id) use (\$redis) {
            \$redis->hIncrBy(\"sess_\$id\", 'lock', 1);
            \$data = \$redis->hGet(\"sess_\$id\", 'data');
            return \$data === false ? '' : gzuncompress(substr(\$data, 4));
        }, function (\$id, \$data) use (\$redis) {
            \$redis->hMSet(\"sess_\$id\", ['data' => ':gz:' . gzcompress(\$data, 1), 'lock' => 0]);
            \$redis->hIncrBy(\"sess_\$id\", 'writes', 1);
            return \$redis->expire(\"sess_\$id\", 3000);
        }, fn (\$id) => (bool) \$redis->del(\"sess_\$id\"), fn () => true);";
    moves_in($sandbox, new OldPlace("redis://127.0.0.1:$server->port/2?layout=cm", install: $install, modules: 'redis'));
});

test('a running site moves from files to rustdb under load, and nobody loses a session or a write', function (Sandbox $sandbox) {
    $old = $sandbox->directory('old', 0700, worker_user());
    $before = ['session.save_handler' => 'files', 'session.save_path' => $old];
    $site = new Site($sandbox, $before, store: Store::fresh($sandbox));
    $ledger = new Ledger();
    $sessions = array_map(fn () => random_session(), range(1, 40));
    // Some come back only after the move.
    [$busy, $idle] = [array_slice($sessions, 0, 20), array_slice($sessions, 20)];
    foreach ($sessions as $session) {
        $ledger->enter($session, $site->browser($session)->send('/increment.php'));
    }
    $done = false;
    $clients = storm($site, $ledger, $busy, 8, 8000, function () use (&$done) { return $done; });
    $clients[] = (function () use ($sandbox, $site, $ledger, $old, &$done) {
        $progress = fn () => until('500 more writes are acknowledged',
            (fn (int $goal) => fn () => $ledger->acknowledged() >= $goal)($ledger->acknowledged() + 500));
        yield from $progress();
        Php::ini($sandbox, 'rustdb', ['rustdb.migrate_from' => "files://$old?lifetime=1440&remove=1"] + $site->store->settings);
        yield from $site->fpm->reload();
        yield from $progress();
        $done = true;
    })();
    run_clients($clients, 120);
    foreach ($idle as $session) {
        check_same(2, $site->browser($session)->send('/increment.php')->json()['n'], 'who comes back later goes on');
    }
    note("{$ledger->acknowledged()} writes, {$ledger->unknown()} turned away");
    note_spread('request', $ledger->seconds);
    check_same([], glob("$old/*"), 'old copies');
    check_same(count($sessions), $site->store->status()['migrated'], 'sessions brought over');
    $ledger->settle(fn (string $session) => $site->counter($session) - (in_array($session, $idle, true) ? 1 : 0));
    // The move is over: the line goes, and nobody notices.
    Php::ini($sandbox, 'rustdb', $site->store->settings);
    run_clients([$site->fpm->reload()]);
    $ledger->settle(fn (string $session) => $site->counter($session) - (in_array($session, $idle, true) ? 1 : 0));
});
