<?php
/** The crash tests of the crate rustdb-core (core/tests/crash_*.rs), more often than `cargo test` runs them. */

declare(strict_types=1);

/** @return array<string, string> programs by the name of their source */
function build_core_tests(): array
{
    $root = dirname(__DIR__, 3);
    $names = array_map(fn ($file) => basename($file, '.rs'), glob("$root/core/tests/crash_*.rs"));
    $words = array_merge(...array_map(fn ($name) => ['--test', $name], $names));
    $lines = Process::run(["$root/scripts/cargo", 'test', '--quiet', '--release', '-p', 'rustdb-core', ...$words, '--no-run', '--message-format=json',
        '--manifest-path', "$root/Cargo.toml"], [], null, 900);
    $programs = [];
    foreach (explode("\n", trim($lines)) as $line) {
        $message = json_decode($line, true);
        if (isset($message['executable']) && in_array($message['target']['name'], $names, true)) {
            $programs[$message['target']['name']] = $message['executable'];
        }
    }
    check_same(count($names), count($programs), 'crash tests of the core that were built');
    return $programs;
}

/** Runs one test of a program, in its long form. */
function run_core_test(string $program, string $name): void
{
    $output = Process::run([$program, '--exact', $name, '--nocapture'], ['RUSTDB_CRASH_LONG' => '1', 'RUST_BACKTRACE' => '0'], null, 240);
    check(str_contains($output, 'test result: ok. 1 passed'), "$name did not run:\n$output");
    preg_match_all('/^(?:test .* \.\.\. )? {6}(\S.*)$/m', $output, $notes);
    array_map(note(...), $notes[1]);
}

try {
    $programs = build_core_tests();
} catch (Failure $failure) {
    $programs = [];
    test('the crash tests of the core can be built', fn () => throw $failure);
}
foreach ($programs as $source => $program) {
    preg_match_all('/^(\w+): test$/m', Process::run([$program, '--list']), $names);
    foreach ($names[1] as $name) {
        test(str_replace('_', ' ', "$source: $name"), fn () => run_core_test($program, $name));
    }
}
