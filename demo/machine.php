<?php
/*
 * The panel with the counters of all processes on this store. A part of the page; app.js also fetches it alone, a
 * moment after a request, when the background thread has been at work. It opens no session.
 */
declare(strict_types=1);
require_once __DIR__ . '/html.php';

if (!function_exists('rustdb_status')) {
    return;
}
$status = rustdb_status();
$buffer = $status['buffer'];
$lookups = $buffer['hits'] + $buffer['misses'];
?>
    <section class="card" id="machine">
        <h2>On this machine <small>all processes, this store</small></h2>
        <dl>
            <dt>Sessions in shared memory</dt><dd><?= e(number_format($buffer['entries'])) ?></dd>
            <dt>Memory used</dt><dd><?= e(bytes($buffer['used'])) ?> <small>of <?= e(bytes($buffer['size'])) ?></small></dd>
            <dt>Answered from memory</dt><dd><?= $lookups > 0 ? e(round(100 * $buffer['hits'] / $lookups, 1)) . ' %' : '–' ?> <small><?= e(number_format($buffer['hits'])) ?> of <?= e(number_format($lookups)) ?></small></dd>
            <dt>Evicted</dt><dd><?= e(number_format($buffer['evictions'])) ?></dd>
            <dt>Not on disk yet</dt><dd><?= e(number_format($buffer['unflushed'])) ?></dd>
            <dt>Written to disk</dt><dd><?= e(number_format($status['flush']['sessions'])) ?> <small>in <?= e(number_format($status['flush']['runs'])) ?> transactions<?= $status['flush']['errors'] > 0 ? ', ' . e($status['flush']['errors']) . ' errors' : '' ?></small></dd>
            <dt>Lock waits</dt><dd><?= e(number_format($status['lock']['waits'])) ?> <small><?= e(duration($status['lock']['wait_us'])) ?> in all</small></dd>
            <dt>Gave up waiting</dt><dd><?= e(number_format($status['lock']['timeouts'])) ?></dd>
            <dt>Expired, collected</dt><dd><?= e(number_format($status['gc']['collected'])) ?></dd>
        </dl>
        <p class="note">Store <code><?= e($status['store']) ?></code><br>rustdb <?= e($status['version']) ?> on PHP <?= e(PHP_VERSION) ?></p>
    </section>
