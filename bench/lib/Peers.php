<?php

declare(strict_types=1);

namespace Bench;

/**
 * The handlers that are compared, each in its best usual configuration; what is not installed becomes a note.
 *
 * On servers they take part by unix socket in the general suites. The same by TCP, rustdb as the only owner of its store, and the
 * classes of frameworks are only in the suites for servers, so that the tables of the others stay readable.
 * Connections of phpredis and php-memcached are persistent, and they look for a lock
 * as often as their packages' defaults say. Only the number of attempts is raised: phpredis would give up after 20 ms.
 */
final class Peers
{
    /** @return list<Peer> */
    public static function available(Php $php, Workspace $workspace, Servers $servers, Results $results, int $sessions, string $root): array
    {
        $peers = [];

        $compiler = Process::find('cc');
        if ($compiler !== null) {
            $library = NullHandler::compile($php, $compiler, $workspace->tmpfs);
            $peers[] = new Peer('null', 'PHP alone', [$library], static fn () => [
                'session.save_handler' => 'bench_null',
            ], floor: true, suites: [...Peer::GENERAL, 'processwire']);
        } else {
            $results->notes[] = 'PHP alone (a handler that does nothing): no C compiler (Debian package: gcc)';
        }

        $library = getenv('BENCH_RUSTDB') ?: "$root/target/release/librustdb.so";
        if (is_file($library)) {
            // As root the library may lie where the web user cannot reach it.
            copy($library, $workspace->tmpfs . '/rustdb.so');
            chmod($workspace->tmpfs . '/rustdb.so', 0755);
            array_push($peers, ...self::rustdb($workspace, $sessions));
        } else {
            $results->notes[] = 'rustdb: target/release/librustdb.so is missing (cargo build --release)';
        }

        array_push($peers, ...self::rustdbOnServers($workspace, $servers, $results, is_file($library)));

        $onDisk = Workspace::fileSystem($workspace->disk);
        foreach (['tmpfs' => 'files, tmpfs', 'disk' => "files, $onDisk" . ($onDisk === 'tmpfs' ? ' too' : '')] as $storage => $label) {
            $suites = [...Peer::GENERAL, ...$storage === 'disk' ? ['million', 'processwire'] : []];
            $peers[] = new Peer("files-$storage", $label, [], static fn (string $directory) => [
                'session.save_handler' => 'files',
                'session.save_path' => $directory,
            ], $storage, suites: $suites);
        }
        if ($onDisk === 'tmpfs') {
            $results->notes[] = 'files on disk: the directory meant to be on disk is on tmpfs too (BENCH_DIR names another)';
        }

        array_push(
            $peers,
            ...self::redis($php, $servers, $results),
            ...self::memcached($php, $servers, $results),
            ...Frameworks::available($php, $servers, $results),
        );

        return $peers;
    }

    /**
     * With the default buffer, and for many sessions with one that they all fit into: each takes 1152 bytes there, and nothing
     * that lives makes room as long as it fills less than three quarters.
     *
     * @return list<Peer>
     */
    private static function rustdb(Workspace $workspace, int $sessions): array
    {
        $library = [$workspace->tmpfs . '/rustdb.so'];
        $settings = static fn (string $directory) => [
            'session.save_handler' => 'rustdb',
            'rustdb.store' => "embedded://$directory",
            'rustdb.gc_probability' => 0,
        ];
        $mib = max(128, 2 ** (int) ceil(log($sessions / 512, 2)));
        $large = static fn (string $directory) => $settings($directory) + ['rustdb.buffer_size' => "{$mib}M"];
        $size = $mib < 1024 ? "$mib MiB" : $mib / 1024 . ' GiB';
        return [
            new Peer('rustdb', 'rustdb', $library, $settings, 'disk', extension: 'rustdb', suites: [...Peer::GENERAL, 'million', 'processwire']),
            new Peer('rustdb-large', "rustdb, buffer of $size", $library, $large, 'disk', suites: ['million'], memory: $mib << 20),
        ];
    }

    /** @return list<Peer> */
    private static function rustdbOnServers(Workspace $workspace, Servers $servers, Results $results, bool $built): array
    {
        // Each store's URL by unix socket and by TCP, and what sets the keys or the table of one owner apart from those of others.
        $stores = [];
        if ($servers->redisBinary !== null) {
            $stores['redis'] = [
                'Redis',
                static fn () => 'redis+unix://' . $servers->redisSocket() . '?',
                static fn (?int $port) => 'redis://127.0.0.1:' . ($port ?? $servers->redisPort()) . '?',
                $servers->redisPort(...),
                static fn (string $name) => "prefix=$name:",
            ];
        }
        if ($servers->mariadbBinary !== null) {
            $stores['mysql'] = [
                'MariaDB',
                static fn () => 'mysql://bench@localhost/bench?socket=' . $servers->mariadbSocket() . '&',
                static fn (?int $port) => 'mysql://bench@127.0.0.1:' . ($port ?? $servers->mariadbPort()) . '/bench?',
                $servers->mariadbPort(...),
                static fn (string $name) => 'table=' . strtr($name, '-', '_'),
            ];
        } else {
            $results->notes[] = 'rustdb on MariaDB: not installed (Debian package: mariadb-server)';
        }
        $setups = [
            '' => ['many hosts', []],
            '-one' => ['one host', ['rustdb.multi_host' => 'off']],
            '-sleeping' => ['many hosts, busy_poll=0', ['rustdb.busy_poll' => 0]],
        ];
        $peers = [];
        foreach ($built ? $stores : [] as $name => [$server, $unix, $tcp, $port, $apart]) {
            foreach ($setups as $suffix => [$setup, $more]) {
                foreach (['unix' => ['unix socket', $unix], 'tcp' => ['TCP', $tcp]] as $link => [$word, $url]) {
                    $peers[] = new Peer(
                        "rustdb-$name-$link$suffix",
                        "rustdb, $server, $word" . ($suffix === '' ? '' : ", $setup"),
                        [$workspace->tmpfs . '/rustdb.so'],
                        static fn (string $directory, ?int $port = null) => [
                            'session.save_handler' => 'rustdb',
                            'rustdb.store' => rtrim($url($port) . ($suffix === '' ? '' : $apart(basename($directory))), '?&'),
                            'session.save_path' => $directory,
                            'rustdb.gc_probability' => 0,
                            ...$more,
                        ],
                        handler: "rustdb on $server, $setup",
                        link: $link,
                        port: $link === 'tcp' ? $port : null,
                        suites: match ("$name-$link$suffix") {
                            'redis-unix', 'mysql-unix' => [...Peer::GENERAL, 'servers'],
                            'mysql-tcp' => ['servers', 'processwire'],
                            default => ['servers'],
                        },
                    );
                }
            }
        }
        if ($built && isset($stores['mysql'])) {
            $peers[] = new Peer(
                'rustdb-mysql-tcp-theirs',
                "rustdb, MariaDB, TCP, ProcessWire's table",
                [$workspace->tmpfs . '/rustdb.so'],
                static fn (string $directory, ?int $port = null) => [
                    'session.save_handler' => 'rustdb',
                    'rustdb.store' => 'mysql://bench@127.0.0.1:' . ($port ?? $servers->mariadbPort()) . '/processwire?lifetime=86400',
                    'session.save_path' => $directory,
                    'rustdb.gc_probability' => 0,
                ],
                link: 'tcp',
                port: $servers->mariadbPort(...),
                suites: ['processwire'],
            );
        }
        return $peers;
    }

    /** @return list<Peer> */
    private static function redis(Php $php, Servers $servers, Results $results): array
    {
        if (!$php->hasExtension('redis') || $servers->redisBinary === null) {
            $results->notes[] = 'phpredis: not installed (Debian packages: php-redis, redis-server)';
            return [];
        }
        $paths = [
            'unix' => ['unix socket', static fn () => 'unix://' . $servers->redisSocket() . '?persistent=1'],
            'tcp' => ['TCP', static fn (?int $port) => 'tcp://127.0.0.1:' . ($port ?? $servers->redisPort()) . '?persistent=1'],
        ];
        $peers = [];
        foreach ($paths as $key => [$word, $path]) {
            foreach ([false, true] as $locks) {
                $peers[] = new Peer(
                    "phpredis-$key-" . ($locks ? 'lock' : 'nolock'),
                    "phpredis, $word, " . ($locks ? 'locking' : 'no lock'),
                    ['igbinary', 'msgpack', 'redis'],
                    static fn (string $directory, ?int $port = null) => [
                        'session.save_handler' => 'redis',
                        'session.save_path' => $path($port),
                        'redis.session.locking_enabled' => (int) $locks,
                        'redis.session.lock_retries' => -1,
                    ],
                    locks: $locks,
                    extension: 'redis',
                    handler: 'phpredis, ' . ($locks ? 'locking' : 'no lock'),
                    link: $key,
                    port: $key === 'tcp' ? $servers->redisPort(...) : null,
                    suites: $key === 'unix' ? [...Peer::GENERAL, 'servers'] : ['servers'],
                );
            }
        }
        return $peers;
    }

    /** @return list<Peer> */
    private static function memcached(Php $php, Servers $servers, Results $results): array
    {
        if (!$php->hasExtension('memcached') || $servers->memcachedBinary === null) {
            $results->notes[] = 'php-memcached: not installed (Debian packages: php-memcached, memcached)';
            return [];
        }
        $peers = [];
        foreach ([false, true] as $locks) {
            $peers[] = new Peer(
                'memcached-' . ($locks ? 'lock' : 'nolock'),
                'php-memcached, ' . ($locks ? 'locking' : 'no lock'),
                ['igbinary', 'msgpack', 'memcached'],
                static fn (string $directory, ?int $port = null) => [
                    'session.save_handler' => 'memcached',
                    'session.save_path' => '127.0.0.1:' . ($port ?? $servers->memcachedPort()),
                    'memcached.sess_persistent' => 1,
                    'memcached.sess_locking' => (int) $locks,
                    'memcached.sess_lock_retries' => 1000,
                ],
                locks: $locks,
                extension: 'memcached',
                handler: 'php-memcached, ' . ($locks ? 'locking' : 'no lock'),
                link: 'tcp',
                port: $servers->memcachedPort(...),
                suites: [...Peer::GENERAL, 'servers'],
            );
        }
        return $peers;
    }
}
