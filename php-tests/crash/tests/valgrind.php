<?php
/** valgrind's memcheck over runs of PHP: no error with a frame of the extension in it. */

declare(strict_types=1);

test('valgrind finds no error of ours', function (Sandbox $sandbox) {
    $valgrind = trim((string) shell_exec('command -v valgrind'));
    if ($valgrind === '') {
        missing_package('valgrind');
    }
    $cli = new Cli($sandbox, ['rustdb.flush_interval' => '0.1', 'rustdb.lock_wait' => 30]);
    $log = "$sandbox->path/valgrind.%p.txt";
    // As another user than root, valgrind's own files are written into a directory that all may write into.
    $directory = $sandbox->directory('valgrind', 01777);
    // The clone may be where that user may not look.
    $known = "$sandbox->path/valgrind.supp";
    copy(dirname(__DIR__) . '/valgrind.supp', $known);
    $command = $cli->command('tour', ['ids' => Cli::ids('tour', 25), 'size' => 3000]);
    $php = array_search(Php::cli(), $command, true);
    array_splice($command, $php, 0, ['env', 'USE_ZEND_ALLOC=0', $valgrind, '--tool=memcheck', '--error-exitcode=99', '--quiet',
        '--num-callers=40', '--trace-children=no', "--suppressions=$known", "--log-file=$directory/%p.txt"]);
    $outcome = $cli->execute($command, 240);
    $found = implode("\n", array_map('file_get_contents', glob("$directory/*.txt")));
    check_same('', trim($found), 'what valgrind says');
    $answer = $outcome->json();
    check_same(0, $answer['child'], 'status of the child');
    check_same(true, $answer['status'], 'status');
});
