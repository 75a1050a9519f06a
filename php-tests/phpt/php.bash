# shellcheck shell=bash disable=SC2034
# Sourced by the scripts that use PHP's run-tests.php: finds the PHP that php-config speaks for, runs tests with
# it, and counts the results.

php_config=${PHP_CONFIG:-php-config}
command -v "$php_config" >/dev/null || { echo "no $php_config: install PHP's development package (php-dev) or set PHP_CONFIG" >&2; exit 2; }
php=$("$php_config" --php-binary)

# Prints the path of the extension to test, or says what is missing.
rustdb_so() {
    local so=${RUSTDB_SO:-$1/target/release/librustdb.so} error
    [ -f "$so" ] || { echo "no extension at $so: run cargo build --release, or set RUSTDB_SO" >&2; exit 2; }
    so=$(realpath "$so")
    error=$("$php" -n -d "extension=$so" -r 'exit(extension_loaded("rustdb") ? 0 : 1);' 2>&1) ||
        { echo "$php cannot load $so: $error" >&2; exit 2; }
    echo "$so"
}

# Prints the path of php-cgi, or nothing: run-tests.php then skips the tests that need one.
php_cgi() {
    local version candidate
    version=$("$php" -n -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')
    for candidate in "${PHP_CGI:-}" "$(dirname "$php")/php-cgi$version" "/usr/bin/php-cgi$version" \
        "$("$php_config" --prefix)/bin/php-cgi" "$(dirname "$php")/php-cgi"; do
        if [ -n "$candidate" ] && [ -x "$candidate" ] &&
            "$candidate" -n -v 2>/dev/null | grep -qF "PHP $("$php" -n -r 'echo PHP_VERSION;')"; then
            echo "$candidate"
            return
        fi
    done
}

run_tests_php() {
    local candidate
    for candidate in "$("$php_config" --prefix)/lib/php/$("$php_config" --phpapi)/build/run-tests.php" \
        "$("$php_config" --extension-dir)/build/run-tests.php" \
        "$("$php_config" --prefix)/lib/php/build/run-tests.php" \
        "$("$php_config" --prefix)/lib64/php/build/run-tests.php"; do
        if [ -f "$candidate" ]; then
            echo "$candidate"
            return
        fi
    done
    echo "no run-tests.php found: it comes with PHP's development package (php-dev)" >&2
    exit 2
}

# run_tests RESULTS ARGUMENT…: runs tests without any php.ini, two at a time, prints what fails with its diff, and
# writes a line "RESULT<tab>test" for each test to the file RESULTS. Its exit code is of no use: a test that warns
# or is expected to fail moves it too.
run_tests() {
    local results=$1 cgi runner parallel=()
    shift
    # It writes a file beside itself, so it runs from a copy.
    runner=$(dirname "$results")/run-tests.php
    cp "$(run_tests_php)" "$runner"
    cgi=$(php_cgi)
    if "$php" -n "$runner" --help | grep -q -- '-j<workers>'; then
        parallel=(-j2)
    fi
    env ${cgi:+TEST_PHP_CGI_EXECUTABLE="$cgi"} TEST_PHP_EXECUTABLE="$php" NO_INTERACTION=1 NO_COLOR=1 \
        "$php" -n "$runner" -n -q "${parallel[@]}" --no-color --no-progress -g FAIL,BORK,WARN,LEAK,XFAIL,SKIP \
        --show-diff --set-timeout 120 -W "$results" "$@" </dev/null
}

# tally RESULTS NUMBER: sets passed, skipped and failed from the file RESULTS. Of NUMBER tests, those without a
# result (run-tests.php itself came to an end early) and those with any other result have failed.
tally() {
    passed=$(grep -c "^PASSED"$'\t' "$1") || true
    skipped=$(grep -c "^SKIPPED"$'\t' "$1") || true
    failed=$(($2 - passed - skipped))
}
