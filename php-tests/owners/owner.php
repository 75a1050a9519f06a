<?php
/** A table that its owner made, and the two that use it: the owner's handler, and rustdb. */

declare(strict_types=1);

/** For how long a session lives after its last use, to both. */
const LIFETIME = 3600;
/** How much later rustdb sets the end of a session at most, so that it need not move it at once: rustdb.touch_interval. */
const MARGIN = 60;

/** The one MariaDB of the suite; each test has a database of its own in it. */
final class Databases
{
    private static ?MariaDb $server = null;
    private static ?Sandbox $sandbox = null;
    private static int $made = 0;

    public static function server(): MariaDb
    {
        self::$sandbox ??= new Sandbox();
        return self::$server ??= new MariaDb(self::$sandbox, "CREATE USER 'keeper'@'localhost' IDENTIFIED BY 'sesame';");
    }

    /** Makes a database, and returns its name. */
    public static function make(): string
    {
        $name = 'site' . ++self::$made;
        self::server()->execute("CREATE DATABASE $name CHARACTER SET utf8mb4");
        return $name;
    }

    /** The URL of a database for rustdb, whose user may make no tables there unless `$rights` says so. */
    public static function url(string $database, string $options = '', string $rights = 'SELECT, INSERT, UPDATE, DELETE'): string
    {
        self::server()->execute("GRANT $rights ON $database.* TO 'keeper'@'localhost'");
        return "mysql://keeper:sesame@localhost/$database?socket=" . self::server()->socket . $options;
    }
}

final class Owner
{
    /** By the name of the file in handlers/: columns of the id, the payload and the last use or the end, and whether the payload is in base64. */
    private const TABLES = [
        'userfrosting' => ['id', 'payload', ['last_activity'], true],
        'laravel' => ['id', 'payload', ['last_activity'], true],
        'processwire' => ['id', 'data', ['ts'], false],
        'symfony' => ['sess_id', 'sess_data', ['sess_lifetime', 'sess_time'], false],
    ];
    public readonly string $database;
    private readonly string $theirs;
    private readonly string $ours;
    private readonly string $id;
    private readonly string $payload;
    /** @var list<string> */
    private readonly array $times;
    private readonly bool $base64;
    private readonly string $handlers;
    private int $started = 0;

    /** @param array<string, string> $environment for the owner's handler */
    public function __construct(private readonly Sandbox $sandbox, public readonly string $kind, private readonly array $environment = [])
    {
        [$this->id, $this->payload, $this->times, $this->base64] = self::TABLES[$kind];
        $this->handlers = self::handlers($sandbox);
        $this->database = Databases::make();
        $options = $kind === 'symfony' ? '' : '&lifetime=' . LIFETIME;
        $serializer = $kind === 'laravel' ? ['session.serialize_handler' => 'php_serialize'] : [];
        $settings = self::settings() + ['session.use_cookies' => 0, 'session.cache_limiter' => ''];
        $this->ours = Php::ini($sandbox, 'rustdb',
            $serializer + $settings + Store::on_server($sandbox, Databases::url($this->database, $options))->settings, 'ours.ini');
        $this->theirs = Php::ini($sandbox, 'files', $settings, 'theirs.ini');
        $this->theirs('make_table();');
    }

    /** A copy of handlers/, which every user can read. */
    public static function handlers(Sandbox $sandbox): string
    {
        foreach (['illuminate-session' => 'Illuminate/Session', 'illuminate-database' => 'Illuminate/Database',
            'symfony-http-foundation' => 'Symfony/Component/HttpFoundation'] as $package => $path) {
            if (!is_file("/usr/share/php/$path/autoload.php")) {
                missing_package("php-$package");
            }
        }
        $copy = $sandbox->directory('handlers');
        foreach (glob(__DIR__ . '/handlers/*.php') as $file) {
            copy($file, "$copy/" . basename($file));
            chmod("$copy/" . basename($file), 0644);
        }
        return $copy;
    }

    /** @return array<string, string|int> settings of every PHP that runs the owners' code, which is not written for E_DEPRECATED */
    public static function settings(): array
    {
        return ['session.gc_maxlifetime' => LIFETIME, 'include_path' => '.:/usr/share/php', 'error_reporting' => E_ALL & ~E_DEPRECATED];
    }

    /** Runs code in a PHP that has the owner's handler; see handlers/ for what it may call. Returns what the code returns. */
    public function theirs(string $code, array $environment = []): mixed
    {
        return $this->answer($this->theirs, $this->kind, $code, $environment + $this->environment);
    }

    /** The same with rustdb. */
    public function ours(string $code): mixed
    {
        return $this->answer($this->ours, 'rustdb', $code, []);
    }

    /** Starts such a program and does not wait for it. Its output is what the code returns. */
    public function start_theirs(string $code): Process
    {
        return $this->start($this->theirs, $this->kind, $code, $this->environment);
    }

    public function start_ours(string $code): Process
    {
        return $this->start($this->ours, 'rustdb', $code, []);
    }

    /** An id as the owner makes them. */
    public function new_id(): string
    {
        if ($this->kind !== 'laravel') {
            return bin2hex(random_bytes(16));
        }
        $letters = [...range('a', 'z'), ...range('A', 'Z'), ...array_map('strval', range(0, 9))];
        return implode('', array_map(fn () => $letters[array_rand($letters)], range(1, 40)));
    }

    public function execute(string $sql): string
    {
        return trim(Databases::server()->execute("USE $this->database; $sql"));
    }

    /** What stands in the row of a session, as it stands there; null if there is none. */
    public function stored(string $id): ?string
    {
        $found = $this->execute("SELECT CONCAT('x',HEX($this->payload)) FROM sessions WHERE $this->id='$id'");
        return $found === '' ? null : hex2bin(substr($found, 1));
    }

    /** The session in what is stored, and the other way round. */
    public function decode(string $stored): string
    {
        return $this->base64 ? base64_decode($stored, true) : $stored;
    }

    public function encode(string $session): string
    {
        return $this->base64 ? base64_encode($session) : $session;
    }

    /** @return list<string> the ids in the table, sorted */
    public function ids(): array
    {
        $ids = array_filter(explode("\n", $this->execute("SELECT $this->id FROM sessions")));
        sort($ids);
        return $ids;
    }

    /** Lets a session be last used that many seconds earlier than it was. */
    public function age(string $id, int $seconds): void
    {
        $change = fn (string $column) => $column === 'ts' ? "ts=ts-INTERVAL $seconds SECOND" : "$column=$column-$seconds";
        $this->execute('UPDATE sessions SET ' . implode(',', array_map($change, $this->times)) . " WHERE $this->id='$id'");
    }

    /** In how many seconds a session ends, by its row. */
    public function left(string $id): int
    {
        $end = match ($this->kind) {
            'processwire' => 'UNIX_TIMESTAMP(ts)+' . LIFETIME,
            'symfony' => 'sess_lifetime',
            default => 'last_activity+' . LIFETIME,
        };
        return (int) $this->execute("SELECT $end-UNIX_TIMESTAMP() FROM sessions WHERE $this->id='$id'");
    }

    /** @return list<string> */
    private function command(string $ini, string $handler, string $code): array
    {
        return [Php::cli(), '-c', $ini, '-r', "require '$this->handlers/$handler.php'; echo json_encode((function () { $code })());"];
    }

    /** @return array<string, string> */
    private function environment(array $environment): array
    {
        return $environment + ['OWNER_SOCKET' => Databases::server()->socket, 'OWNER_DATABASE' => $this->database] + $this->sandbox->environment();
    }

    private function answer(string $ini, string $handler, string $code, array $environment): mixed
    {
        return json_decode(Process::run($this->command($ini, $handler, $code), $this->environment($environment), worker_user()), true, 512, JSON_THROW_ON_ERROR);
    }

    private function start(string $ini, string $handler, string $code, array $environment): Process
    {
        return $this->sandbox->start('program-' . ++$this->started, $this->command($ini, $handler, $code), $this->environment($environment), worker_user());
    }
}

/** Kinds of owners: a handler, and what it finds in its environment. */
const OWNERS = [
    'UserFrosting' => ['userfrosting', []],
    'Laravel' => ['laravel', []],
    'ProcessWire' => ['processwire', []],
    'Symfony' => ['symfony', []],
    'Symfony with advisory locks' => ['symfony', ['OWNER_LOCK' => '1']],
    'Symfony without locks' => ['symfony', ['OWNER_LOCK' => '0']],
];

/**
 * Runs a test with an owner of one kind.
 *
 * @param callable(Owner, Sandbox): void $body
 */
function test_owner(string $kind, string $name, callable $body): void
{
    test("$kind: $name", fn (Sandbox $sandbox) => $body(new Owner($sandbox, ...OWNERS[$kind]), $sandbox));
}

/**
 * Runs a test with an owner of each kind.
 *
 * @param callable(Owner, Sandbox): void $body
 */
function test_owners(string $name, callable $body): void
{
    foreach (array_keys(OWNERS) as $kind) {
        test_owner($kind, $name, $body);
    }
}
