// SPDX-License-Identifier: GPL-2.0-or-later
#include "schema/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schema/sql.h"

#define TEMPORARY ".counterspin-"
enum { TEMPORARY_LETTERS = 6 };

#define APPLICATION_ID 0x6373706e	/* "cspn" */

struct db_build {
	sqlite3 *db;
	char *path, *dir;
	char *temporary;	/* NULL: fd is an unnamed file */
	int fd;
	bool replace;
};

static bool set_sqlite_error(GError **error, sqlite3 *db, const char *what)
{
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

/*
 * Where a build has a name, it is locked while somebody is at it: one that is not
 * was left by a program that was killed.
 */
static void remove_orphans(const char *dir)
{
	GDir *d = g_dir_open(dir, 0, NULL);
	const char *name;

	while (d && (name = g_dir_read_name(d))) {
		g_autofree char *path = g_build_filename(dir, name, NULL);
		struct stat st;
		int fd;

		if (!g_str_has_prefix(name, TEMPORARY) || strlen(name) != strlen(TEMPORARY) + TEMPORARY_LETTERS)
			continue;
		fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd < 0)
			continue;
		if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
		    !flock(fd, LOCK_EX | LOCK_NB))
			unlink(path);
		close(fd);
	}
	if (d)
		g_dir_close(d);
}

static bool open_file(struct db_build *b, GError **error)
{
	b->fd = open(b->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (b->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
		b->temporary = g_strdup_printf("%s/" TEMPORARY "XXXXXX", b->dir);
		b->fd = g_mkstemp_full(b->temporary, O_RDWR | O_CLOEXEC, 0600);
		if (b->fd < 0)
			g_clear_pointer(&b->temporary, g_free);
	}
	if (b->fd >= 0)
		flock(b->fd, LOCK_EX | LOCK_NB);
	if (b->fd < 0) {
		g_set_error(error, DB_ERROR, 0, "cannot write in '%s': %s", b->dir, g_strerror(errno));
		return false;
	}
	return true;
}

bool db_is_ours(const char *path)
{
	guint8 header[72] = { 0 };
	FILE *f = fopen(path, "rbe");
	bool ok = f && fread(header, 1, sizeof(header), f) == sizeof(header);

	if (f)
		fclose(f);
	return ok && !memcmp(header, "SQLite format 3", 16) &&
	       ((guint32)header[68] << 24 | header[69] << 16 | header[70] << 8 | header[71]) == APPLICATION_ID;
}

struct db_build *db_build_new(const char *path, bool replace, GError **error)
{
	struct db_build *b;

	if (g_file_test(path, G_FILE_TEST_EXISTS) &&
	    (!g_file_test(path, G_FILE_TEST_IS_REGULAR) || !db_is_ours(path))) {
		g_set_error(error, DB_ERROR, 0, "'%s' exists and is not one of counterspin's databases", path);
		return NULL;
	}
	if (!replace && g_file_test(path, G_FILE_TEST_EXISTS)) {
		g_set_error(error, DB_ERROR, 0, "'%s' exists\nhint: --force replaces it", path);
		return NULL;
	}
	b = g_new0(struct db_build, 1);
	b->path = g_strdup(path);
	b->dir = g_path_get_dirname(path);
	b->replace = replace;
	remove_orphans(b->dir);
	if (!open_file(b, error)) {
		db_build_abort(b);
		return NULL;
	}
	return b;
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
	       db_exec(b->db, sql_facts, error) && db_exec(b->db, sql_results, error);
}

sqlite3 *db_build_handle(struct db_build *build)
{
	return build->db;
}

static bool sync_directory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && !fsync(fd);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* An unnamed file gets a hidden name first, as only rename() can replace. */
static bool give_temporary_name(struct db_build *b)
{
	g_autofree char *from = g_strdup_printf("/proc/self/fd/%d", b->fd);

	for (unsigned int i = 0; i < 100; i++) {
		b->temporary = g_strdup_printf("%s/" TEMPORARY "%06x", b->dir, g_random_int() & 0xffffff);
		if (!linkat(AT_FDCWD, from, AT_FDCWD, b->temporary, AT_SYMLINK_FOLLOW))
			return true;
		g_clear_pointer(&b->temporary, g_free);
		if (errno != EEXIST)
			return false;
	}
	return false;
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

/* Keep others out of the database that is being replaced; NULL with busy unset: there is none. */
static sqlite3 *lock_replaced(const struct db_build *b, bool *busy)
{
	sqlite3 *db = NULL;

	*busy = false;
	if (!g_file_test(b->path, G_FILE_TEST_EXISTS))
		return NULL;
	if (sqlite3_open_v2(b->path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
		sqlite3_busy_timeout(db, 2000);
		*busy = sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL) == SQLITE_BUSY;
	}
	return db;
}

static bool publish(struct db_build *b)
{
	if (fsync(b->fd))
		return false;
	remove_journals(b);
	if (!b->replace && !b->temporary) {
		g_autofree char *from = g_strdup_printf("/proc/self/fd/%d", b->fd);

		return !linkat(AT_FDCWD, from, AT_FDCWD, b->path, AT_SYMLINK_FOLLOW) &&
		       sync_directory(b->dir);
	}
	if (!b->temporary && !give_temporary_name(b))
		return false;
	if (rename(b->temporary, b->path))
		return false;
	g_clear_pointer(&b->temporary, g_free);
	return sync_directory(b->dir);
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

static bool check_version(sqlite3 *db, const char *path, GError **error)
{
	int64_t id, version;

	int rc = sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);

	if (rc == SQLITE_READONLY) {
		g_set_error(error, DB_ERROR, 0, "'%s': a program was interrupted while writing it\n"
			    "hint: run counterspin on it once as a user who may write it", path);
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

/* Our tables and views in db, as SQL; user tables and indices beside them do not matter. */
static char *schema_text(sqlite3 *db, sqlite3 *names)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(db_stmt) list = db_prepare(names, "SELECT name FROM sqlite_schema WHERE sql NOT NULL ORDER BY name");
	g_autoptr(db_stmt) get = db_prepare(db, "SELECT sql FROM sqlite_schema WHERE name = ?");

	while (sqlite3_step(list) == SQLITE_ROW) {
		sqlite3_bind_text(get, 1, (const char *)sqlite3_column_text(list, 0), -1, SQLITE_TRANSIENT);
		if (sqlite3_step(get) == SQLITE_ROW)
			g_string_append(text, (const char *)sqlite3_column_text(get, 0));
		g_string_append_c(text, ';');
		sqlite3_reset(get);
	}
	return g_string_free(g_steal_pointer(&text), FALSE);
}

/* exact: nothing beside our tables and views, such as a trigger, either. */
static bool check_schema(sqlite3 *db, const char *path, bool exact, GError **error)
{
	g_autoptr(sqlite3) model = NULL;
	g_autofree char *want = NULL, *have = NULL;

	if (sqlite3_open(":memory:", &model) != SQLITE_OK ||
	    !db_exec(model, sql_facts, error) || !db_exec(model, sql_results, error))
		return false;
	want = schema_text(model, model);
	have = schema_text(db, model);
	if (!strcmp(want, have) && (!exact || db_value(db, "SELECT count(*) FROM sqlite_schema") ==
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

bool db_build_commit(struct db_build *b, GError **error)
{
	bool ok = check_build(b, error), busy = false;
	sqlite3 *replaced = NULL;

	if (ok)
		replaced = lock_replaced(b, &busy);
	if (busy) {
		g_set_error(error, DB_ERROR, 0, "'%s' is in use by another program", b->path);
		ok = false;
	} else if (ok && !publish(b)) {
		g_set_error(error, DB_ERROR, 0, "cannot write '%s': %s", b->path, g_strerror(errno));
		ok = false;
	}
	sqlite3_close(replaced);
	db_build_abort(b);
	return ok;
}

void db_build_abort(struct db_build *b)
{
	if (!b)
		return;
	sqlite3_close_v2(b->db);
	if (b->temporary)
		unlink(b->temporary);
	if (b->fd >= 0)
		close(b->fd);
	g_free(b->temporary);
	g_free(b->path);
	g_free(b->dir);
	g_free(b);
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
	sqlite3_busy_timeout(db, 30000);
	/* it may come from anybody */
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	if (!check_version(db, path, error) || !check_schema(db, path, false, error)) {
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

void db_bind_text(sqlite3_stmt *stmt, int i, const char *text)
{
	sqlite3_bind_text(stmt, i, text, -1, SQLITE_STATIC);
}

void db_bind_bits(sqlite3_stmt *stmt, int i, uint64_t word)
{
	sqlite3_bind_int64(stmt, i, (int64_t)word);
}

bool db_next(sqlite3_stmt *stmt, GError **error)
{
	int rc = sqlite3_step(stmt);

	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		set_sqlite_error(error, sqlite3_db_handle(stmt), "cannot read the database");
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
