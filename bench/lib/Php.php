<?php

declare(strict_types=1);

namespace Bench;

/**
 * The PHP that is measured, found through php-config, and the php.ini each measured process gets.
 *
 * Processes read one generated php.ini and no other, so that only the extensions a peer needs are loaded.
 */
final class Php
{
    public readonly string $binary;
    public readonly string $extensionDir;
    public readonly string $version;
    public readonly ?string $fpm;
    private readonly string $config;

    /** The same for every peer. Collection is off: the `million` suite asks for it and measures it. */
    private const COMMON = [
        'error_reporting' => E_ALL,
        'display_errors' => 'stderr',
        'log_errors' => 0,
        'memory_limit' => '512M',
        'max_execution_time' => 0,
        'session.use_strict_mode' => 1,
        'session.lazy_write' => 1,
        'session.gc_probability' => 0,
        'session.gc_maxlifetime' => 86400,
        'session.serialize_handler' => 'php',
        'session.cache_limiter' => '',
        'session.use_cookies' => 0,
    ];

    public function __construct()
    {
        $this->config = getenv('PHP_CONFIG') ?: 'php-config';
        try {
            $this->binary = $this->ask('--php-binary');
        } catch (\Throwable) {
            throw new \RuntimeException('php-config is missing (Debian package: php-dev); PHP_CONFIG names another one');
        }
        $this->extensionDir = $this->ask('--extension-dir');
        $this->version = $this->ask('--version');
        $minor = implode('.', array_slice(explode('.', $this->version), 0, 2));
        $this->fpm = getenv('PHP_FPM') ?: Process::find("php-fpm$minor") ?? Process::find('php-fpm');
    }

    public function ask(string $option): string
    {
        return trim(Process::output([$this->config, $option]));
    }

    public function hasExtension(string $name): bool
    {
        return is_file("{$this->extensionDir}/$name.so") || extension_loaded($name);
    }

    /**
     * Writes the php.ini of one peer and returns its path.
     *
     * @param list<string> $extensions names, or paths of libraries; a name that is built in is left out
     * @param array<string, scalar> $settings
     */
    public function ini(string $path, array $extensions, array $settings, bool $opcache = false): string
    {
        $lines = [];
        if ($opcache && is_file("{$this->extensionDir}/opcache.so")) {
            $lines[] = 'zend_extension=opcache';
        }
        foreach ($extensions as $extension) {
            if ($extension[0] === '/' || is_file("{$this->extensionDir}/$extension.so")) {
                $lines[] = 'extension="' . $extension . '"';
            }
        }
        foreach ([...self::COMMON, ...$settings] as $name => $value) {
            $lines[] = is_int($value) ? "$name=$value" : $name . '="' . $value . '"';
        }
        file_put_contents($path, implode("\n", $lines) . "\n");
        chmod($path, 0644);
        return $path;
    }

    /** The environment that keeps PHP away from the machine's own configuration. */
    public const ENVIRONMENT = ['PHP_INI_SCAN_DIR' => ''];

    /** The version of an extension, as PHP reports it. */
    public function extensionVersion(string $ini, string $name): string
    {
        return trim(Process::output(['env', 'PHP_INI_SCAN_DIR=', $this->binary, '-c', $ini, '-r', "echo phpversion('$name');"]));
    }
}
