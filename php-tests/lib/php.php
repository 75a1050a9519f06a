<?php
/**
 * The PHP under test: its binaries, and the php.ini that its processes read. They see Debian's own
 * modules, the extension of this tree, and no php.ini of the machine.
 */

declare(strict_types=1);

final class Php
{
    public static function config(string $option): string
    {
        static $known = [];
        return $known[$option] ??= trim(Process::run([getenv('PHP_CONFIG') ?: 'php-config', $option]));
    }

    public static function cli(): string
    {
        return self::config('--php-binary');
    }

    /** For example `8.2`. */
    public static function version(): string
    {
        return implode('.', array_slice(explode('.', self::config('--version')), 0, 2));
    }

    public static function fpm(): string
    {
        $version = self::version();
        $prefix = self::config('--prefix');
        foreach ([getenv('PHP_FPM') ?: '', "/usr/sbin/php-fpm$version", "$prefix/sbin/php-fpm$version", "$prefix/sbin/php-fpm"] as $binary) {
            if ($binary !== '' && is_executable($binary)) {
                return $binary;
            }
        }
        missing_package("php$version-fpm");
    }

    /** Whether it is built to run in threads (ZTS). */
    public static function has_threads(): bool
    {
        static $known;
        return $known ??= Process::run([self::cli(), '-n', '-r', 'echo PHP_ZTS;']) === '1';
    }

    public static function handler(): string
    {
        $handler = getenv('HANDLER') ?: 'rustdb';
        check(in_array($handler, ['rustdb', 'files'], true), "HANDLER must be rustdb or files, not $handler");
        return $handler;
    }

    public static function extension(): string
    {
        $file = getenv('RUSTDB_SO') ?: dirname(__DIR__, 2) . '/target/release/librustdb.so';
        check(is_file($file), "$file is missing: build it with `cargo build --release`, or set RUSTDB_SO");
        return $file;
    }

    /**
     * A directory with the modules that Debian switches on for the command line, without rustdb should it
     * be installed already: PHP would warn about loading it twice.
     */
    public static function module_directory(Sandbox $sandbox): string
    {
        $directory = $sandbox->directory('conf.d');
        foreach (glob(rtrim(trim(Process::run([self::cli(), '-n', '-r', 'echo PHP_CONFIG_FILE_SCAN_DIR;'])), '/') . '/*.ini') as $file) {
            if (!str_contains($file, 'rustdb')) {
                copy($file, "$directory/" . basename($file));
            }
        }
        return $directory;
    }

    /**
     * Writes a php.ini for a handler and more settings, and returns its path.
     *
     * @param array<string, string|int> $settings
     */
    public static function ini(Sandbox $sandbox, string $handler, array $settings = [], string $name = 'php.ini'): string
    {
        $settings += [
            'session.save_handler' => $handler,
            // As Debian ships it.
            'session.gc_probability' => 0,
            'error_reporting' => -1,
            'display_errors' => 0,
            'html_errors' => 0,
            'log_errors' => 1,
            'error_log' => $sandbox->php_log,
            'memory_limit' => '256M',
            // Pages are copied into place just before they are called.
            'opcache.revalidate_freq' => 0,
        ];
        $text = '';
        if ($handler === 'rustdb') {
            $text .= 'extension=' . $sandbox->extension() . "\n";
        }
        foreach ($settings as $key => $value) {
            $text .= "$key=\"$value\"\n";
        }
        $file = "$sandbox->path/$name";
        file_put_contents($file, $text);
        return $file;
    }

    /** Runs a script of the sandbox on the command line, as the user of the workers, and returns its output. */
    public static function run(Sandbox $sandbox, string $ini, array $arguments, ?string $user = null, float $limit = 60): string
    {
        return Process::run([self::cli(), '-c', $ini, ...$arguments], $sandbox->environment(), $user ?? worker_user(), $limit);
    }
}
