--TEST--
An upload keeps the data that its session had, and leaves no lock behind
--SKIPIF--
<?php
// The upload opens the session before the script runs, so the store has to be there earlier. "nocache" has this run each time.
require __DIR__ . '/store.inc';
store_create();
// From PHP 8.2.36 on session_start() takes no options where progress is tracked.
php('session_id("uploader"); session_start(); $_SESSION["a"] = 1;', ['session.use_strict_mode' => '0']);
echo 'nocache';
?>
--COOKIE--
PHPSESSID=uploader
--POST_RAW--
Content-Type: multipart/form-data; boundary=---------------------------20896060251896012921717172737
-----------------------------20896060251896012921717172737
Content-Disposition: form-data; name="PHP_SESSION_UPLOAD_PROGRESS"

upload
-----------------------------20896060251896012921717172737
Content-Disposition: form-data; name="file1"; filename="file1.txt"

1
-----------------------------20896060251896012921717172737
Content-Disposition: form-data; name="file2"; filename="file2.txt"

22
-----------------------------20896060251896012921717172737--
--INI--
session.save_handler=rustdb
rustdb.store=embedded://{TMP}/rustdb-phpt-upload-progress-keeps-the-data
file_uploads=1
session.upload_progress.enabled=1
session.upload_progress.freq=0
session.upload_progress.min_freq=0
session.upload_progress.cleanup=1
session.use_strict_mode=1
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

var_dump(lock_is_free('uploader'));
session_start();
var_dump(session_id(), $_SESSION);
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
bool(true)
string(8) "uploader"
array(1) {
  ["a"]=>
  int(1)
}
