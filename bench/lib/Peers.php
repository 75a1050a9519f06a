<?php

declare(strict_types=1);

namespace Bench;

/**
 * The handlers that are compared, each in its best usual configuration; what is not installed becomes a note.
 *
 * Connections of phpredis and php-memcached are persistent, and they look for a lock
 * as often as their packages' defaults say. Only the number of attempts is raised: phpredis would give up after 20 ms.
 */
final class Peers
{
    /** @return list<Peer> */
    public static function available(Php $php, Workspace $workspace, Servers $servers, Results $results, string $root): array
    {
        $peers = [];

        $compiler = Process::find('cc');
        if ($compiler !== null) {
            $library = NullHandler::compile($php, $compiler, $workspace->tmpfs);
            $peers[] = new Peer('null', 'PHP alone', [$library], static fn () => ['session.save_handler' => 'bench_null'], floor: true);
        } else {
            $results->notes[] = 'PHP alone (a handler that does nothing): no C compiler (Debian package: gcc)';
        }

        $library = getenv('BENCH_RUSTDB') ?: "$root/target/release/librustdb.so";
        if (is_file($library)) {
            // As root the library may lie where the web user cannot reach it.
            copy($library, $workspace->tmpfs . '/rustdb.so');
            chmod($workspace->tmpfs . '/rustdb.so', 0755);
            $peers[] = new Peer('rustdb', 'rustdb', [$workspace->tmpfs . '/rustdb.so'], static fn (string $directory) => [
                'session.save_handler' => 'rustdb',
                'rustdb.store' => "embedded://$directory",
                'rustdb.gc_probability' => 0,
            ], 'disk', extension: 'rustdb');
        } else {
            $results->notes[] = 'rustdb: target/release/librustdb.so is missing (cargo build --release)';
        }

        array_push($peers, ...self::rustdbOnServers($workspace, $servers, $results, is_file($library)));

        $onDisk = Workspace::fileSystem($workspace->disk);
        foreach (['tmpfs' => 'files, tmpfs', 'disk' => "files, $onDisk" . ($onDisk === 'tmpfs' ? ' too' : '')] as $storage => $label) {
            $peers[] = new Peer("files-$storage", $label, [], static fn (string $directory) => [
                'session.save_handler' => 'files',
                'session.save_path' => $directory,
            ], $storage);
        }
        if ($onDisk === 'tmpfs') {
            $results->notes[] = 'files on disk: the directory meant to be on disk is on tmpfs too (BENCH_DIR names another)';
        }

        array_push($peers, ...self::redis($php, $servers, $results), ...self::memcached($php, $servers, $results));

        return $peers;
    }

    /** @return list<Peer> */
    private static function rustdbOnServers(Workspace $workspace, Servers $servers, Results $results, bool $built): array
    {
        $stores = [];
        if ($servers->redisBinary !== null) {
            $stores['redis-unix'] = ['Redis, unix socket', static fn () => 'redis+unix://' . $servers->redisSocket()];
            $stores['redis-tcp'] = ['Redis, TCP', static fn () => 'redis://127.0.0.1:' . $servers->redisPort()];
        }
        if ($servers->mariadbBinary !== null) {
            $stores['mysql-unix'] = ['MariaDB, unix socket', static fn () => 'mysql://bench@localhost/bench?socket=' . $servers->mariadbSocket()];
            $stores['mysql-tcp'] = ['MariaDB, TCP', static fn () => 'mysql://bench@127.0.0.1:' . $servers->mariadbPort() . '/bench'];
        } else {
            $results->notes[] = 'rustdb on MariaDB: not installed (Debian package: mariadb-server)';
        }
        $peers = [];
        foreach ($built ? $stores : [] as $name => [$label, $url]) {
            $peers[] = new Peer("rustdb-$name", "rustdb, $label", [$workspace->tmpfs . '/rustdb.so'], static fn (string $directory) => [
                'session.save_handler' => 'rustdb',
                'rustdb.store' => $url(),
                'session.save_path' => $directory,
                'rustdb.gc_probability' => 0,
            ]);
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
            'tcp' => ['TCP', static fn () => 'tcp://127.0.0.1:' . $servers->redisPort() . '?persistent=1'],
        ];
        $peers = [];
        foreach ($paths as $key => [$word, $path]) {
            foreach ([false, true] as $locks) {
                $peers[] = new Peer(
                    "phpredis-$key-" . ($locks ? 'lock' : 'nolock'),
                    "phpredis, $word, " . ($locks ? 'locking' : 'no lock'),
                    ['igbinary', 'msgpack', 'redis'],
                    static fn () => [
                        'session.save_handler' => 'redis',
                        'session.save_path' => $path(),
                        'redis.session.locking_enabled' => (int) $locks,
                        'redis.session.lock_retries' => -1,
                    ],
                    locks: $locks,
                    extension: 'redis',
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
                static fn () => [
                    'session.save_handler' => 'memcached',
                    'session.save_path' => '127.0.0.1:' . $servers->memcachedPort(),
                    'memcached.sess_persistent' => 1,
                    'memcached.sess_locking' => (int) $locks,
                    'memcached.sess_lock_retries' => 1000,
                ],
                locks: $locks,
                extension: 'memcached',
            );
        }
        return $peers;
    }
}
