// SPDX-License-Identifier: GPL-2.0-or-later
#include "schema/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema/last_words.h"
#include "schema/sql.h"
#include "schema/temporary.h"

#define APPLICATION_ID 0x6373706e	/* "cspn" */

enum { MAX_LINKS = 40 };	/* as the kernel */

struct db_build {
	sqlite3 *db;
	char *path, *dir;
	char *temporary;	/* NULL: fd is an unnamed file */
	int fd;
	bool replace;
};

static const struct db_build *under_way;

/* What another process writes of a large recording in one go takes seconds. */
enum { BUSY_MS = 30000 };

/* With what the system said, where SQLite tells. */
static bool set_sqlite_error(GError **error, sqlite3 *db, const char *what)
{
	int rc = sqlite3_errcode(db) & 0xff, err = 0;
	g_autofree char *of_build = NULL;

	if (rc == SQLITE_FULL)		/* as a statement that reads says, too, when it makes room for itself */
		what = "cannot write the database";
	if (under_way && under_way->db == db)
		what = of_build = g_strdup_printf("'%s': %s", under_way->path, what);
	if (rc == SQLITE_IOERR)
		sqlite3_file_control(db, NULL, SQLITE_FCNTL_LAST_ERRNO, &err);
	else if (rc == SQLITE_CANTOPEN)
		err = sqlite3_system_errno(db);
	if (rc == SQLITE_BUSY)
		g_set_error(error, DB_ERROR, 0, "it is in use by another process: %s", sqlite3_errmsg(db));
	else if (err)
		g_set_error(error, DB_ERROR, 0, "%s: %s (%s)", what, sqlite3_errmsg(db), g_strerror(err));
	else
		g_set_error(error, DB_ERROR, 0, "%s: %s", what, sqlite3_errmsg(db));
	return false;
}

/*
 * SQLite opens files by name only, and the file of a build has none. Its "open"
 * system call, which SQLite lets programs replace, returns that file for a name
 * that stands for it.
 */
#define UNNAMED "/counterspin-database-without-a-name"
static int unnamed_fd = -1;

static int open_unnamed(const char *path, int flags, int mode)
{
	if (!strcmp(path, UNNAMED))
		return fcntl(unnamed_fd, F_DUPFD_CLOEXEC, 3);
	return open(path, flags, mode);
}

static int open_build(struct db_build *b, int flags)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	int rc;

	vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr)open_unnamed);
	unnamed_fd = b->fd;
	rc = sqlite3_open_v2(UNNAMED, &b->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	/* the file is opened by the first statement that needs it, not before */
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(b->db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF", NULL,
				  NULL, NULL);
	unnamed_fd = -1;
	vfs->xSetSystemCall(vfs, "open", NULL);
	return rc;
}

enum { HEADER = 72, READ_VERSION = 19 };	/* https://www.sqlite.org/fileformat.html */

static bool read_header(const char *path, guint8 *header)
{
	FILE *f = fopen(path, "rbe");
	bool ok = f && fread(header, 1, HEADER, f) == HEADER;

	if (f)
		fclose(f);
	return ok && !memcmp(header, "SQLite format 3", 16);
}

bool db_is_ours(const char *path)
{
	guint8 header[HEADER];

	return read_header(path, header) &&
	       ((guint32)header[68] << 24 | header[69] << 16 | header[70] << 8 | header[71]) == APPLICATION_ID;
}

/* Where path leads by symbolic links, as whoever else writes a file follows them. NULL: in circles. */
static char *follow_links(const char *path)
{
	char *at = g_strdup(path);

	for (unsigned int i = 0; i < MAX_LINKS; i++) {
		g_autofree char *link = g_file_read_link(at, NULL), *dir = g_path_get_dirname(at);
		char *next;

		if (!link)
			return at;
		next = g_path_is_absolute(link) ? g_strdup(link) : g_build_filename(dir, link, NULL);
		g_free(at);
		at = next;
	}
	g_free(at);
	errno = ELOOP;
	return NULL;
}

static bool set_write_error(GError **error, const char *path)
{
	g_set_error(error, DB_ERROR, 0, "cannot write '%s': %s", path, g_strerror(errno));
	return false;
}

static bool set_exists_error(GError **error, const char *path)
{
	g_set_error(error, DB_ERROR, 0, "'%s' exists\nhint: --force replaces it", path);
	return false;
}

/* See now what would fail at the end. */
static bool may_become(const char *path, bool replace, GError **error)
{
	struct stat st;

	if (stat(path, &st)) {
		if (errno == ENOENT && *path)
			return true;
		return set_write_error(error, path);
	}
	if (S_ISREG(st.st_mode) && access(path, R_OK)) {
		g_set_error(error, DB_ERROR, 0, "'%s' exists and cannot be read: %s", path, g_strerror(errno));
		return false;
	}
	if (!S_ISREG(st.st_mode) || !db_is_ours(path)) {
		g_set_error(error, DB_ERROR, 0, "'%s' exists and is not one of counterspin's databases", path);
		return false;
	}
	return replace || set_exists_error(error, path);
}

struct db_build *db_build_new(const char *path, bool replace, GError **error)
{
	struct db_build *b = g_new0(struct db_build, 1);

	under_way = b;
	b->fd = -1;
	b->replace = replace;
	b->path = follow_links(path);
	if (!b->path) {
		set_write_error(error, path);
		db_build_abort(b);
		return NULL;
	}
	b->dir = g_path_get_dirname(b->path);
	temporary_remove_orphans(b->dir);
	if (!may_become(b->path, replace, error)) {
		db_build_abort(b);
		return NULL;
	}
	b->fd = temporary_open(b->dir, &b->temporary);
	if (b->fd < 0) {
		g_set_error(error, DB_ERROR, 0, "cannot write in '%s': %s", b->dir, g_strerror(errno));
		db_build_abort(b);
		return NULL;
	}
	return b;
}

static bool create(sqlite3 *db, GError **error)
{
	return db_exec(db, sql_facts, error) && db_exec(db, sql_results, error) &&
	       db_exec(db, sql_reviewers, error) && db_exec(db, sql_views, error) &&
	       db_exec(db, sql_simulated, error);
}

bool db_build_open(struct db_build *b, GError **error)
{
	guint8 seed[4];

	if (open_build(b, SQLITE_OPEN_READWRITE) != SQLITE_OK)
		return set_sqlite_error(error, b->db, "cannot make a database");
	/* opens the system's source of randomness, which later may be forbidden */
	sqlite3_randomness(sizeof(seed), seed);
	/* nobody else can see it, and a failure throws it away: no journal, one fsync at the end */
	return db_exec(b->db,
		     "PRAGMA synchronous = OFF;"
		     "PRAGMA page_size = 8192; PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY;"
		     "PRAGMA application_id = " G_STRINGIFY(APPLICATION_ID) ";"
		     "PRAGMA user_version = " G_STRINGIFY(DB_VERSION) ";"
		     "BEGIN", error) &&
	       create(b->db, error);
}

sqlite3 *db_build_handle(struct db_build *build)
{
	return build->db;
}

/*
 * A journal beside the database belongs to what is replaced, never to what comes:
 * SQLite would roll it back into the new one.
 */
static void remove_journals(const struct db_build *b)
{
	static const char *const suffixes[] = { "-journal", "-wal", "-shm" };

	for (unsigned int i = 0; i < G_N_ELEMENTS(suffixes); i++) {
		g_autofree char *name = g_strconcat(b->path, suffixes[i], NULL);

		unlink(name);
	}
}

/*
 * Keep others out of the database that is being replaced. What a journal beside it holds goes into
 * it first: should it after all not be replaced, it is as it was. One that is not to be read does
 * not stand in the way, and *db is NULL if there is none.
 */
static bool lock_replaced(const struct db_build *b, sqlite3 **db, GError **error)
{
	int rc;

	*db = NULL;
	if (!g_file_test(b->path, G_FILE_TEST_EXISTS) ||
	    sqlite3_open_v2(b->path, db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		return true;
	sqlite3_busy_timeout(*db, 2000);
	rc = sqlite3_exec(*db, "PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE", NULL, NULL, NULL);
	if (rc != SQLITE_BUSY)
		return true;
	g_set_error(error, DB_ERROR, 0, "'%s' is in use by another process", b->path);
	return false;
}

static bool replace(struct db_build *b, GError **error)
{
	sqlite3 *replaced = NULL;
	bool ok = lock_replaced(b, &replaced, error);

	if (ok) {
		if (!b->temporary)
			b->temporary = temporary_name(b->fd, b->dir);
		if (b->temporary)
			remove_journals(b);
		ok = (b->temporary && temporary_become(b->fd, &b->temporary, b->path, true)) ||
		     set_write_error(error, b->path);
	}
	sqlite3_close(replaced);
	return ok;
}

static bool appear(struct db_build *b, GError **error)
{
	if (g_file_test(b->path, G_FILE_TEST_EXISTS))
		return set_exists_error(error, b->path);
	remove_journals(b);
	if (temporary_become(b->fd, &b->temporary, b->path, false))
		return true;
	return errno == EEXIST ? set_exists_error(error, b->path) : set_write_error(error, b->path);
}

bool db_build_close(struct db_build *b, GError **error)
{
	if (!db_exec(b->db, "COMMIT", error))
		return false;
	if (sqlite3_close(b->db) != SQLITE_OK)
		return set_sqlite_error(error, b->db, "cannot close the database");
	b->db = NULL;
	return true;
}

static void set_busy_error(GError **error, sqlite3 *db, const char *path)
{
	g_set_error(error, DB_ERROR, 0, "'%s' is in use by another process: %s", path, sqlite3_errmsg(db));
}

static bool check_version(sqlite3 *db, const char *path, GError **error)
{
	int64_t id, version;

	guint8 header[HEADER];
	int rc = sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);

	if ((rc == SQLITE_READONLY || rc == SQLITE_CANTOPEN) && read_header(path, header) && header[READ_VERSION] == 2) {
		g_set_error(error, DB_ERROR, 0, "'%s' is in SQLite's WAL mode, and to read it files beside it must be written\n"
			    "hint: who may write there can end that mode: PRAGMA journal_mode = DELETE", path);
		return false;
	}
	if (rc == SQLITE_READONLY) {
		g_set_error(error, DB_ERROR, 0, "'%s': a program was interrupted while writing it\n"
			    "hint: run counterspin on it once as a user who may write it", path);
		return false;
	}
	if (rc == SQLITE_BUSY) {
		set_busy_error(error, db, path);
		return false;
	}
	if (rc != SQLITE_OK) {
		g_set_error(error, DB_ERROR, 0, "'%s': not a database that can be read: %s\n"
			    "hint: counterspin import makes one of a recording", path, sqlite3_errmsg(db));
		return false;
	}
	id = db_value(db, "PRAGMA application_id");
	version = db_value(db, "PRAGMA user_version");
	if (id != APPLICATION_ID) {
		g_set_error(error, DB_ERROR, 0, "'%s': a database, but not one of counterspin's", path);
		return false;
	}
	if (version > DB_VERSION) {
		g_set_error(error, DB_ERROR, 0,
			    "'%s': made by a newer counterspin (database version %" G_GINT64_FORMAT
			    ", this program reads %d)", path, version, DB_VERSION);
		return false;
	}
	if (version < DB_VERSION) {
		g_set_error(error, DB_ERROR, 0,
			    "'%s': made by an older counterspin (database version %" G_GINT64_FORMAT
			    ", this program reads %d)\nhint: import the recording again", path, version,
			    DB_VERSION);
		return false;
	}
	return true;
}

static void append_column(GString *text, sqlite3_stmt *stmt)
{
	const char *value = (const char *)sqlite3_column_text(stmt, 0);

	g_string_append(text, value ? value : "");
}

/* Our tables and views in db, as SQL; user tables and indices beside them do not matter. */
static bool schema_text(sqlite3 *db, sqlite3 *names, GString *text, GError **error)
{
	GError *failed = NULL;
	g_autoptr(db_stmt) list = db_prepare(names, "SELECT name FROM sqlite_schema WHERE sql NOT NULL ORDER BY name");
	g_autoptr(db_stmt) get = db_prepare(db, "SELECT sql FROM sqlite_schema WHERE name = ?");

	while (!failed && db_next(list, &failed)) {
		sqlite3_bind_value(get, 1, sqlite3_column_value(list, 0));
		if (db_next(get, &failed))
			append_column(text, get);
		g_string_append_c(text, ';');
		sqlite3_reset(get);
	}
	if (failed)
		g_propagate_error(error, failed);
	return !failed;
}

sqlite3 *db_model(GError **error)
{
	sqlite3 *model = NULL;

	if (sqlite3_open(":memory:", &model) == SQLITE_OK) {
		if (create(model, error))
			return model;
	} else {
		set_sqlite_error(error, model, "database");
	}
	sqlite3_close(model);
	return NULL;
}

/* exact: nothing beside our tables and views, such as a trigger, either. */
static bool check_schema(sqlite3 *db, const char *path, bool exact, GError **error)
{
	g_autoptr(sqlite3) model = db_model(error);
	g_autoptr(GString) want = g_string_new(NULL), have = g_string_new(NULL);

	if (!model || !schema_text(model, model, want, error) || !schema_text(db, model, have, error))
		return false;
	if (!strcmp(want->str, have->str) && (!exact || db_value(db, "SELECT count(*) FROM sqlite_schema") ==
						       db_value(model, "SELECT count(*) FROM sqlite_schema")))
		return true;
	g_set_error(error, DB_ERROR, 0, "'%s': damaged: its tables are not those of database version %d",
		    path, DB_VERSION);
	return false;
}

/* Who built it has read files from anywhere: see for ourselves that it is a database of ours, with facts. */
static bool check_build(struct db_build *b, GError **error)
{
	bool ok;

	if (open_build(b, SQLITE_OPEN_READONLY) != SQLITE_OK)
		return set_sqlite_error(error, b->db, "cannot read the database that was built");
	sqlite3_db_config(b->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	ok = db_exec(b->db, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON", error) &&
	     check_version(b->db, b->path, error) && check_schema(b->db, b->path, true, error);
	if (ok && db_value(b->db, "SELECT count(*) FROM recording") != 1) {
		g_set_error(error, DB_ERROR, 0, "the database that was built is not complete");
		ok = false;
	}
	sqlite3_close(b->db);
	b->db = NULL;
	return ok;
}

bool db_build_settle(struct db_build *b, GError **error)
{
	if (!check_build(b, error))
		return false;
	return !fsync(b->fd) || set_write_error(error, b->path);
}

bool db_build_commit(struct db_build *b, GError **error)
{
	bool ok = b->replace ? replace(b, error) : appear(b, error);

	db_build_abort(b);
	return ok;
}

bool db_sync_name(const char *path, GError **error)
{
	g_autofree char *file = follow_links(path), *dir = file ? g_path_get_dirname(file) : NULL;
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	/* file systems that cannot do it need not */
	bool ok = fd >= 0 && (!fsync(fd) || errno == EINVAL || errno == EOPNOTSUPP);

	if (!ok)
		g_set_error(error, DB_ERROR, 0, "'%s' is complete, but a power failure now may take its name: "
			    "cannot sync its directory: %s", path, g_strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

void db_build_abandon(void)
{
	if (under_way && under_way->temporary)
		unlink(under_way->temporary);
}

void db_build_abort(struct db_build *b)
{
	if (!b)
		return;
	sqlite3_close_v2(b->db);
	if (b->temporary)
		unlink(b->temporary);
	if (b == under_way)
		under_way = NULL;
	if (b->fd >= 0)
		close(b->fd);
	g_free(b->temporary);
	g_free(b->path);
	g_free(b->dir);
	g_free(b);
}

static void on_log(void *user, int code, const char *message)
{
	(void)user;
	(void)message;
	if ((code & 0xff) == SQLITE_NOMEM)
		last_words_no_memory();
}

void db_last_words(void)
{
	sqlite3_config(SQLITE_CONFIG_LOG, on_log, NULL);
}

sqlite3 *db_open(const char *path, GError **error)
{
	sqlite3 *db = NULL;
	/* also to read: SQLite then repairs what an interrupted writer left */
	int flags = !access(path, W_OK) ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;

	if (access(path, R_OK) || g_file_test(path, G_FILE_TEST_IS_DIR)) {
		g_set_error(error, DB_ERROR, 0, "cannot read '%s': %s", path,
			    g_strerror(access(path, R_OK) ? errno : EISDIR));
		return NULL;
	}
	if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
		g_set_error(error, DB_ERROR, 0, "cannot open '%s': %s", path, sqlite3_errmsg(db));
		sqlite3_close(db);
		return NULL;
	}
	sqlite3_busy_timeout(db, BUSY_MS);
	/* it may come from anybody */
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	/* in one state of it: whoever gets in between would make it look like another's */
	if (!db_exec(db, "BEGIN", error) || !check_version(db, path, error) ||
	    !check_schema(db, path, false, error) || !db_exec(db, "COMMIT", error)) {
		sqlite3_close(db);
		return NULL;
	}
	return db;
}

bool db_exec(sqlite3 *db, const char *sql, GError **error)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return true;
	return set_sqlite_error(error, db, "database");
}

sqlite3_stmt *db_prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
		g_error("%s: %s", sqlite3_errmsg(db), sql);
	return stmt;
}

sqlite3_stmt *db_prepare_insert(sqlite3 *db, const char *table)
{
	g_autofree char *pragma = g_strdup_printf("SELECT count(*) FROM pragma_table_info('%s')", table);
	g_autoptr(GString) sql = g_string_new(NULL);
	int64_t n = db_value(db, pragma);

	g_assert(n > 0);
	g_string_printf(sql, "INSERT INTO %s VALUES(", table);
	for (int64_t i = 0; i < n; i++)
		g_string_append(sql, i ? ",?" : "?");
	g_string_append_c(sql, ')');
	return db_prepare(db, sql->str);
}

void db_bind_int(sqlite3_stmt *stmt, int i, int64_t value)
{
	if (value == DB_NULL)
		sqlite3_bind_null(stmt, i);
	else
		sqlite3_bind_int64(stmt, i, value);
}

void db_bind_real(sqlite3_stmt *stmt, int i, double value)
{
	sqlite3_bind_double(stmt, i, value);	/* SQLite takes a NaN for NULL */
}

void db_bind_text(sqlite3_stmt *stmt, int i, const char *text)
{
	sqlite3_bind_text(stmt, i, text, -1, SQLITE_STATIC);
}

void db_bind_bits(sqlite3_stmt *stmt, int i, uint64_t word)
{
	sqlite3_bind_int64(stmt, i, (int64_t)word);
}

/* As the schema has been compared, a statement that fails does so for what is in the file. */
static void set_read_error(GError **error, sqlite3 *db)
{
	const char *path = sqlite3_db_filename(db, "main");
	int rc = sqlite3_errcode(db) & 0xff;

	if (path && *path && rc == SQLITE_ERROR)
		g_set_error(error, DB_ERROR, 0, "'%s' is damaged: what it holds cannot be reckoned with: %s", path,
			    sqlite3_errmsg(db));
	else if (path && *path && rc == SQLITE_BUSY)
		set_busy_error(error, db, path);
	else if (path && *path && rc == SQLITE_CORRUPT)
		g_set_error(error, DB_ERROR, 0, "'%s' is damaged: %s", path, sqlite3_errmsg(db));
	else
		set_sqlite_error(error, db, "cannot read the database");
}

bool db_next(sqlite3_stmt *stmt, GError **error)
{
	int rc = sqlite3_step(stmt);

	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		set_read_error(error, sqlite3_db_handle(stmt));
	return rc == SQLITE_ROW;
}

bool db_run(sqlite3_stmt *stmt, GError **error)
{
	int rc = sqlite3_step(stmt);

	if (rc != SQLITE_DONE) {
		set_sqlite_error(error, sqlite3_db_handle(stmt), "cannot write the database");
		sqlite3_reset(stmt);
		return false;
	}
	sqlite3_reset(stmt);
	return true;
}

int64_t db_column(sqlite3_stmt *stmt, int i)
{
	return sqlite3_column_type(stmt, i) == SQLITE_NULL ? DB_NULL : sqlite3_column_int64(stmt, i);
}

uint64_t db_column_bits(sqlite3_stmt *stmt, int i)
{
	return (uint64_t)sqlite3_column_int64(stmt, i);
}

int64_t db_value(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = db_prepare(db, sql);
	int64_t value = sqlite3_step(stmt) == SQLITE_ROW ? db_column(stmt, 0) : DB_NULL;

	sqlite3_finalize(stmt);
	return value;
}
