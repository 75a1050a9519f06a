<?php
/** Both sides at work on one table at the same time, on different sessions. */

declare(strict_types=1);

test_owners('under load, side by side with rustdb on sessions of their own, neither loses or mixes anything', function (Owner $at) {
    $visits = 500;
    $sessions = ['theirs' => [], 'ours' => []];
    foreach ($sessions as &$ids) {
        $ids = array_map(fn () => $at->new_id(), range(1, 15));
    }
    unset($ids);
    $list = fn (string $side) => "['" . implode("','", $sessions[$side]) . "']";
    // Each counts its own, looks at the other's, ends some and begins them anew, and collects; it returns its counts.
    $work = fn (string $own, string $other) => "
        \$counts = array_fill_keys({$list($own)}, 0);
        for (\$i = 0; \$i < $visits; \$i++) {
            \$id = array_rand(\$counts);
            \$n = count_up(\$id, random_int(10, 3000));
            if (\$n !== ++\$counts[\$id]) { throw new RuntimeException(\"\$id stood at \$n in place of \$counts[\$id]\"); }
            \$others = {$list($other)};
            if (\$i % 5 === 0) { count_of(\$others[array_rand(\$others)]); }
            if (\$i % 40 === 39) { destroy(\$id); \$counts[\$id] = 0; }
            if (\$i % 50 === 25) { collect_garbage(\$id); }
        }
        return \$counts;";
    // Garbage for both to find.
    $at->ours("foreach (range(1, 60) as \$i) { count_up('expired' . \$i); }");
    foreach (range(1, 60) as $i) {
        $at->age("expired$i", LIFETIME + MARGIN + 5);
    }
    $begun = microtime(true);
    $programs = ['theirs' => $at->start_theirs($work('theirs', 'ours')), 'ours' => $at->start_ours($work('ours', 'theirs'))];
    $counts = [];
    foreach ($programs as $side => $program) {
        check_same(0, $program->wait(60), "exit status of $side: " . file_get_contents($program->output));
        $counts += json_decode(file_get_contents($program->output), true, 512, JSON_THROW_ON_ERROR);
    }
    note(sprintf('%d visits in %.1f s', 2 * $visits, microtime(true) - $begun));
    $counts = array_filter($counts);
    ksort($counts);
    foreach (['theirs', 'ours'] as $side) {
        $found = $at->$side('$found = []; foreach (' . var_export(array_keys($counts), true) . ' as $id) { $found[$id] = count_of((string) $id); } return $found;');
        ksort($found);
        check_same($counts, $found, "counts that $side finds");
    }
    check_same([], array_values(preg_grep('/^expired/', $at->ids())), 'expired sessions');
});
