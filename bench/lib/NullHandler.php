<?php

declare(strict_types=1);

namespace Bench;

/**
 * Builds the save handler that does nothing, for the PHP that is measured: the floor below which no handler can be.
 */
final class NullHandler
{
    /** Returns the path of the compiled extension. */
    public static function compile(Php $php, string $compiler, string $directory): string
    {
        $library = "$directory/bench_null.so";
        $includes = preg_split('/\s+/', $php->ask('--includes'), -1, PREG_SPLIT_NO_EMPTY);
        try {
            Process::output([
                $compiler, '-O2', '-fPIC', '-shared', '-DCOMPILE_DL_BENCH_NULL', ...$includes,
                '-o', $library, dirname(__DIR__) . '/null_handler/null_handler.c',
            ]);
        } catch (\RuntimeException $failure) {
            throw new \RuntimeException('the handler that does nothing does not compile: ' . $failure->getMessage());
        }
        chmod($library, 0755);
        return $library;
    }
}
