<?php
/** What a page of this directory answers: facts for people, and for the tests who the handler is. */

declare(strict_types=1);

/** @param array<string, int> $facts */
function show(array $facts): void
{
    header('X-Handler: ' . session_module_name() . ' ' . ini_get('session.save_handler'));
    header('X-Id: ' . session_id());
    echo '<title>', $_GET['do'], '</title>';
    foreach ($facts as $name => $value) {
        echo "<p>$name is $value.</p>";
    }
}
