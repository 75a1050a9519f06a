<?php

declare(strict_types=1);

namespace Bench;

/**
 * What the figures depend on: processor, kernel, versions, file systems. No host names, no paths.
 */
final class Machine
{
    /** @return array<string, string> */
    public static function facts(Php $php, Workspace $workspace, Servers $servers): array
    {
        $cpuInfo = (string) file_get_contents('/proc/cpuinfo');
        preg_match('/^(?:model name|Model)\s*:\s*(.+)$/m', $cpuInfo, $model);
        preg_match('/^MemTotal:\s+(\d+)/m', (string) file_get_contents('/proc/meminfo'), $memory);
        $facts = [
            'processor' => trim(preg_replace('/\s+/', ' ', $model[1] ?? php_uname('m'))),
            'processors' => trim(Process::output(['nproc'])),
            'memory' => round(((int) ($memory[1] ?? 0)) / 1048576) . ' GiB',
            'kernel' => php_uname('s') . ' ' . php_uname('r'),
            'system' => self::system(),
            'php' => $php->version . (PHP_ZTS ? ' (thread-safe)' : ''),
            'disk' => Workspace::fileSystem($workspace->disk),
            'tmpfs' => Workspace::fileSystem($workspace->tmpfs),
        ];
        $programs = [
            'redis' => [$servers->redisBinary, ['--version'], '/v=(\S+)/'],
            'memcached' => [$servers->memcachedBinary, ['--version'], '/(\d[\d.]+)/'],
            'mariadb' => [$servers->mariadbBinary, ['--no-defaults', '--version'], '/Ver (\d[\d.]+)/'],
        ];
        foreach ($programs as $name => [$binary, $arguments, $pattern]) {
            if ($binary !== null && preg_match($pattern, Process::output([$binary, ...$arguments]), $version)) {
                $facts[$name] = $version[1];
            }
        }
        $query = Process::find('dpkg-query');
        foreach (['symfony' => 'php-symfony-http-foundation', 'illuminate' => 'php-illuminate-session'] as $name => $package) {
            // What apt did not install has no version that could be asked for.
            if ($query !== null && preg_match('/\d[\d.]*/', (string) shell_exec("$query -W -f '\${Version}' $package 2>/dev/null"), $version)) {
                $facts[$name] = $version[0];
            }
        }
        foreach (['redis' => 'phpredis', 'memcached' => 'php-memcached'] as $extension => $name) {
            if ($php->hasExtension($extension)) {
                $ini = $php->ini("{$workspace->tmpfs}/version-$extension.ini", ['igbinary', 'msgpack', $extension], []);
                $facts[$name] = $php->extensionVersion($ini, $extension);
            }
        }
        return $facts;
    }

    /** @return list<int> the numbers of the processors that this process may use */
    public static function processors(): array
    {
        preg_match('/^Cpus_allowed_list:\s*(.+)$/m', (string) file_get_contents('/proc/self/status'), $list);
        $numbers = [];
        foreach (explode(',', $list[1]) as $range) {
            [$first, $last] = explode('-', $range) + [1 => $range];
            array_push($numbers, ...range((int) $first, (int) $last));
        }
        return $numbers;
    }

    private static function system(): string
    {
        $release = is_readable('/etc/os-release') ? (string) file_get_contents('/etc/os-release') : '';
        return preg_match('/^PRETTY_NAME="?([^"\n]+)/m', $release, $name) ? $name[1] : 'unknown';
    }
}
