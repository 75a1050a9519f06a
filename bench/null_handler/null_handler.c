/*
 * The save handler that does nothing: it hands back what was written last in this process, and keeps nothing else.
 * What PHP needs with it is the floor: the time of session_start() and session_write_close() without any storage.
 * It answers strict mode with "exists" and lazy writing with "done", as a handler with no work would.
 */
#include "php.h"
#include "ext/session/php_session.h"

/* The last payload written, outside the request's memory so that it outlives the request. */
static char *last;
static size_t last_length;
/* Set between creating an id and reading it: a new session is empty. */
static bool fresh;

PS_OPEN_FUNC(bench_null)
{
	PS_SET_MOD_DATA(&last);
	return SUCCESS;
}

PS_CLOSE_FUNC(bench_null)
{
	PS_SET_MOD_DATA(NULL);
	return SUCCESS;
}

PS_READ_FUNC(bench_null)
{
	*val = fresh || last_length == 0 ? ZSTR_EMPTY_ALLOC() : zend_string_init(last, last_length, 0);
	fresh = false;
	return SUCCESS;
}

PS_WRITE_FUNC(bench_null)
{
	if (ZSTR_LEN(val) > last_length) {
		last = perealloc(last, ZSTR_LEN(val), 1);
	}
	memcpy(last, ZSTR_VAL(val), ZSTR_LEN(val));
	last_length = ZSTR_LEN(val);
	return SUCCESS;
}

PS_DESTROY_FUNC(bench_null)
{
	return SUCCESS;
}

PS_GC_FUNC(bench_null)
{
	*nrdels = 0;
	return SUCCESS;
}

PS_CREATE_SID_FUNC(bench_null)
{
	fresh = true;
	return php_session_create_id(mod_data);
}

PS_VALIDATE_SID_FUNC(bench_null)
{
	return SUCCESS;
}

PS_UPDATE_TIMESTAMP_FUNC(bench_null)
{
	return SUCCESS;
}

static const ps_module bench_null_module = { PS_MOD_UPDATE_TIMESTAMP(bench_null) };

static PHP_MINIT_FUNCTION(bench_null)
{
	return php_session_register_module(&bench_null_module);
}

static PHP_MSHUTDOWN_FUNCTION(bench_null)
{
	free(last);
	return SUCCESS;
}

static const zend_module_dep dependencies[] = { ZEND_MOD_REQUIRED("session") ZEND_MOD_END };

zend_module_entry bench_null_module_entry = {
	STANDARD_MODULE_HEADER_EX, NULL, dependencies,
	"bench_null", NULL,
	PHP_MINIT(bench_null), PHP_MSHUTDOWN(bench_null), NULL, NULL, NULL,
	"1", STANDARD_MODULE_PROPERTIES
};

ZEND_GET_MODULE(bench_null)
