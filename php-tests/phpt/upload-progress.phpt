--TEST--
The progress of an upload is in the session afterwards when cleanup is off
--SKIPIF--
<?php
// The upload opens the session before the script runs, so the store has to be there earlier. "nocache" has this run each time.
require __DIR__ . '/store.inc';
store_create();
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
rustdb.store=embedded://{TMP}/rustdb-phpt-upload-progress
file_uploads=1
session.upload_progress.enabled=1
session.upload_progress.freq=0
session.upload_progress.min_freq=0
session.upload_progress.cleanup=0
--FILE--
<?php
require __DIR__ . '/store.inc';
store_create();

session_start();
$progress = $_SESSION['upload_progress_upload'];
var_dump(session_id(), $progress['done'], array_column($progress['files'], 'bytes_processed', 'field_name'));
?>
--CLEAN--
<?php
require __DIR__ . '/store.inc';
store_remove();
?>
--EXPECT--
string(8) "uploader"
bool(true)
array(2) {
  ["file1"]=>
  int(1)
  ["file2"]=>
  int(2)
}
