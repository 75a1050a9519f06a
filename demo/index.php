<?php
/*
 * The demo page. A posted form changes the session; then the session is closed, so that the panel can show the
 * write too, and the page is rendered. app.js posts the forms in the background and swaps the result in; without
 * JavaScript the same forms work as ordinary ones.
 */
declare(strict_types=1);
require __DIR__ . '/session.php';
require __DIR__ . '/html.php';

/** Carries out the posted action and returns a line for the visitor. */
function act(string $action): string
{
    switch ($action) {
        case 'login':
            $name = is_string($_POST['name'] ?? null) ? trim($_POST['name']) : '';
            if (!preg_match('/^[^\p{C}]{1,40}$/u', $name)) {
                return 'Please give a name of 1 to 40 characters.';
            }
            // A new id and a new token at login: what an attacker planted before is worth nothing afterwards.
            session_regenerate_id(true);
            $_SESSION['token'] = bin2hex(random_bytes(16));
            $_SESSION['name'] = $name;
            return 'Logged in, under a new session id.';
        case 'count':
            $_SESSION['counter']++;
            return 'Counted.';
        case 'add':
        case 'remove':
            $product = is_string($_POST['product'] ?? null) ? $_POST['product'] : '';
            if (!isset(PRODUCTS[$product])) {
                return 'There is no such product.';
            }
            $amount = max(0, ($_SESSION['basket'][$product] ?? 0) + ($action === 'add' ? 1 : -1));
            $_SESSION['basket'][$product] = $amount;
            if ($amount === 0) {
                unset($_SESSION['basket'][$product]);
            }
            return PRODUCTS[$product]['name'] . ($action === 'add' ? ' added.' : ' removed.');
    }
    return 'That button is not known here.';
}

function form(string $action, string $content, string $class = ''): string
{
    return '<form method="post" action="./" class="' . e($class) . '">'
        . '<input type="hidden" name="token" value="' . e($_SESSION['token']) . '">'
        . '<input type="hidden" name="action" value="' . e($action) . '">' . $content . '</form>';
}

const SOURCES = [
    'buffer' => 'shared memory',
    'store' => 'the store on disk',
    'new' => 'new session',
];
const WRITES = [
    'none' => 'nothing to write',
    'touch' => 'unchanged, expiry moved',
    'write' => 'changed, written',
    'destroy' => 'destroyed',
];

$sessions = [];
$message = '';
$start_us = open_session();
prepare_session();
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    $action = is_string($_POST['action'] ?? null) ? $_POST['action'] : '';
    if (!token_is_valid()) {
        $message = 'That page had expired and nothing was changed. Please try again.';
    } elseif ($action === 'logout') {
        session_destroy();
        $sessions[] = ['report' => request_report(), 'start_us' => null];
        // The id in the cookie is known to nobody any more, so strict mode makes a new one.
        $start_us = open_session();
        prepare_session();
        $message = 'Logged out; the session is gone from the store.';
    } else {
        $message = act($action);
    }
}
$id = session_id();
$closing = hrtime(true);
session_write_close();
$close_us = intdiv(hrtime(true) - $closing, 1000);
$sessions[] = ['report' => request_report(), 'start_us' => $start_us, 'close_us' => $close_us];

$name = $_SESSION['name'];
$total = 0;
foreach ($_SESSION['basket'] as $product => $amount) {
    $total += PRODUCTS[$product]['price'] * $amount;
}

header('Cache-Control: no-store');
header("Content-Security-Policy: default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'");
?>
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>rustdb demo</title>
<link rel="icon" href="icon.svg">
<link rel="stylesheet" href="style.css">
<script src="app.js" defer></script>

<header>
    <h1><img src="icon.svg" alt="" width="28" height="28"> rustdb <small>sessions for PHP</small></h1>
    <div class="visitor">
<?php if ($name !== null): ?>
        <span>Hello, <b><?= e($name) ?></b></span>
        <?= form('logout', '<button class="quiet">Log out</button>') ?>
<?php endif ?>
    </div>
</header>

<main>
<div class="columns">
<div class="site">
    <p class="message" role="status"><?= e($message) ?></p>

    <section class="card">
<?php if ($name === null): ?>
        <h2>Log in</h2>
        <?= form('login', '<input name="name" required maxlength="40" placeholder="Any name" aria-label="Your name" autocomplete="off"> <button>Log in</button>', 'line') ?>
        <p class="note">No password. Logging in gives the session a new id, and the old one ends.</p>
<?php else: ?>
        <h2>Logged in as <?= e($name) ?></h2>
        <p class="note">The session got a new id at login. What was in it came along.</p>
<?php endif ?>
        <p class="note">Session id <code><?= e(substr($id, 0, 6)) ?>…</code></p>
    </section>

    <div class="pair">
    <section class="card">
        <h2>Counter</h2>
        <p class="big" id="counter"><?= e($_SESSION['counter']) ?></p>
        <?= form('count', '<button>Add one</button>') ?>
    </section>

    <section class="card">
        <h2>Basket <small><?= $total > 0 ? e($total) . ' €' : 'empty' ?></small></h2>
        <ul class="products">
<?php foreach (PRODUCTS as $key => $product): $amount = $_SESSION['basket'][$key] ?? 0; ?>
            <li><span><?= e($product['name']) ?> <small><?= e($product['price']) ?> €</small></span>
                <?= form('remove', '<input type="hidden" name="product" value="' . e($key) . '"><button class="round" aria-label="Remove one ' . e($product['name']) . '"' . ($amount === 0 ? ' disabled' : '') . '>−</button>') ?>
                <b class="<?= $amount === 0 ? 'none' : '' ?>"><?= e($amount) ?></b>
                <?= form('add', '<input type="hidden" name="product" value="' . e($key) . '"><button class="round" aria-label="Add one ' . e($product['name']) . '">+</button>') ?></li>
<?php endforeach ?>
        </ul>
    </section>
    </div>

    <section class="card" id="parallel" data-token="<?= e($_SESSION['token']) ?>">
        <h2>Parallel requests</h2>
        <p class="note">Three requests side by side, each working for a second. A and B change the session, so B waits for A.
            C only reads, with <code>read_and_close</code>, and waits for nobody.</p>
        <button type="button" data-start hidden>Send all three</button>
        <noscript><p class="note">Needs JavaScript.</p></noscript>
        <div data-timeline></div>
    </section>
</div>

<aside>
    <section class="card" id="request" data-reports="<?= e(json_encode(array_column($sessions, 'report'))) ?>">
        <h2>This request <small>what the handler did</small></h2>
<?php foreach ($sessions as $number => $session): $report = $session['report']; ?>
<?php if (count($sessions) > 1): ?>
        <h3><?= $number === 0 ? 'The session that ended' : 'The new one' ?></h3>
<?php endif ?>
        <dl>
<?php if ($report !== null): ?>
            <dt>Read from</dt><dd class="source <?= e($report['source']) ?>"><?= e(SOURCES[$report['source']] ?? $report['source']) ?></dd>
            <dt>Waited for the lock</dt><dd><?= e(duration($report['lock_wait_us'])) ?></dd>
            <dt>Reading took</dt><dd><?= e(duration($report['read_us'])) ?></dd>
            <dt>At the end</dt><dd class="write <?= e($report['write']) ?>"><?= e(WRITES[$report['write']] ?? $report['write']) ?></dd>
            <dt>Writing took</dt><dd><?= e(duration($report['write_us'])) ?></dd>
<?php endif ?>
<?php if ($session['start_us'] !== null): ?>
            <dt class="php">session_start() in all</dt><dd><?= e(duration($session['start_us'])) ?></dd>
            <dt class="php">session_write_close() in all</dt><dd><?= e(duration($session['close_us'])) ?></dd>
<?php endif ?>
        </dl>
<?php endforeach ?>
<?php if ($report === null): ?>
        <p class="note">This page runs on PHP's <code><?= e((string) ini_get('session.save_handler')) ?></code> handler, which tells nothing about itself.</p>
<?php else: ?>
        <p class="note">The first request of a PHP process also opens the store.</p>
<?php endif ?>
        <table class="history"></table>
    </section>

<?php require __DIR__ . '/machine.php' ?>
</aside>
</div>
</main>
</html>
