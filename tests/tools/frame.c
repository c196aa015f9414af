/*
 * frame HELPER KEY=VALUE...: writes one frame by hand, as a member of the
 * group without our front-end would, and prints what the helper answers.
 *
 *   op=config.enable    an operation's name or number
 *   name= group= config= queue= data=      what the frame's fields are called
 *   sel.name= sel.dir= sel.inode=DIRECTORY, before.name= ... the same
 *   place= index= command=start flags= lock_timeout= unused= version=
 *   hex.name=706f00     any of the texts as bytes, NUL included
 *   pad=1               a byte in the padding that should be zero
 *   cut=N               send only the first N bytes
 *   extra=N             send N bytes more
 *   wait=1              keep the pipe open (a second frame never comes)
 *
 * Output: "exit N" (or "signal N"), then "none" or the reply as lines
 * "err NAME", "unchanged N", "status N", "rule ...", "error ...", "notes ...".
 */

#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy.h"
#include "proto.h"

static struct frame frame = {.version = PROTO_VERSION};
static size_t length = sizeof(frame);
static int keep_open;

static const char *const ops[OP_COUNT] = {
#define X(op, name, helper, fields, text) [OP_##op] = name,
    PROTO_OPS(X)
#undef X
};

static const char *const commands[ACTION_COUNT] = {
#define X(e, name, cmd) [ACTION_##e] = name,
    ACTION_LIST(X)
#undef X
};

static const char *const errors[] = {
#define X(name, text) #name,
    ERR_LIST(X)
#undef X
};

static uint32_t
number(const char *value, const char *const names[], size_t n, uint32_t add)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (names[i] != NULL && strcmp(names[i], value) == 0)
			return (uint32_t)i + add;
	return (uint32_t)strtoul(value, NULL, 0);
}

static void
inode(struct selector *sel, const char *dir)
{
	struct stat st;

	if (stat(dir, &st) != 0)
		error(2, errno, "%s", dir);
	sel->dev = st.st_dev;
	sel->ino = st.st_ino;
}

static int
set_bytes(const char *key, const char *value, size_t len)
{
	const struct {
		const char *key;
		char *to;
		size_t size;
	} texts[] = {
	    {"name", frame.name, sizeof(frame.name)},
	    {"group", frame.group, sizeof(frame.group)},
	    {"config", frame.config, sizeof(frame.config)},
	    {"queue", frame.queue, sizeof(frame.queue)},
	    {"data", frame.data, sizeof(frame.data)},
	    {"sel.name", frame.sel.name, sizeof(frame.sel.name)},
	    {"sel.dir", frame.sel.dir, sizeof(frame.sel.dir)},
	    {"before.name", frame.before.name, sizeof(frame.before.name)},
	    {"before.dir", frame.before.dir, sizeof(frame.before.dir)},
	};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(texts[i].key, key) != 0)
			continue;
		/* Filled to the brim there is no NUL: wanted. */
		if (len > texts[i].size)
			error(2, 0, "%s: too long", key);
		memcpy(texts[i].to, value, len);
		return 1;
	}
	return 0;
}

static int
set_text(const char *key, const char *value)
{
	char bytes[PROTO_SIZE];
	unsigned byte;
	size_t n = 0;

	if (strncmp(key, "hex.", 4) != 0)
		return set_bytes(key, value, strlen(value));
	for (; n < sizeof(bytes) && sscanf(value, "%2x", &byte) == 1;
	     value += 2)
		bytes[n++] = (char)byte;
	if (*value != '\0')
		error(2, 0, "%s: not pairs of hexadecimal digits", key);
	return set_bytes(key + 4, bytes, n);
}

static int
set_number(const char *key, const char *value)
{
	const struct {
		const char *key;
		uint32_t *to;
	} numbers[] = {{"version", &frame.version}, {"flags", &frame.flags},
	    {"place", &frame.place}, {"index", &frame.index},
	    {"lock_timeout", &frame.lock_timeout}, {"unused", &frame.unused}};
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(numbers[i].key, key) == 0) {
			*numbers[i].to = (uint32_t)strtoul(value, NULL, 0);
			return 1;
		}
	return 0;
}

static void
set(char *arg)
{
	char *value = strchr(arg, '=');

	if (value == NULL)
		error(2, 0, "%s: not KEY=VALUE", arg);
	*value++ = '\0';
	if (strcmp(arg, "op") == 0)
		frame.op = number(value, ops, OP_COUNT, 0);
	else if (strcmp(arg, "command") == 0)
		frame.command = number(value, commands, ACTION_COUNT, 1);
	else if (strcmp(arg, "sel.inode") == 0)
		inode(&frame.sel, value);
	else if (strcmp(arg, "before.inode") == 0)
		inode(&frame.before, value);
	else if (strcmp(arg, "pad") == 0)
		frame.pad[sizeof(frame.pad) - 1] = 1;
	else if (strcmp(arg, "cut") == 0)
		length = strtoul(value, NULL, 0);
	else if (strcmp(arg, "extra") == 0)
		length += strtoul(value, NULL, 0);
	else if (strcmp(arg, "wait") == 0)
		keep_open = 1;
	else if (!set_text(arg, value) && !set_number(arg, value))
		error(2, 0, "%s: no such key", arg);
}

static void
run_helper(char *helper, int from, int to)
{
	char *const argv[] = {helper, NULL};

	/* Out of the way first: either may be 3 or 4 itself. */
	if ((from = fcntl(from, F_DUPFD, 10)) < 0 ||
	    (to = fcntl(to, F_DUPFD, 10)) < 0 || dup2(from, 3) != 3 ||
	    dup2(to, 4) != 4)
		error(126, errno, "dup2");
	close_range(5, ~0u, 0);
	execv(helper, argv);
	error(126, errno, "%s", helper);
}

static void
send_frame(int fd)
{
	char bytes[2 * PROTO_SIZE] = {0};
	ssize_t n;

	memcpy(bytes, &frame, sizeof(frame));
	if (length > sizeof(bytes))
		error(2, 0, "too much");
	n = write(fd, bytes, length);
	if (n < 0 || (size_t)n != length)
		error(0, errno, "only %zd of %zu bytes written", n, length);
}

static void
print_reply(int fd)
{
	struct reply r;
	size_t got = 0;
	ssize_t n;

	while (got < sizeof(r) &&
	    (n = read(fd, (char *)&r + got, sizeof(r) - got)) > 0)
		got += (size_t)n;
	if (got != sizeof(r)) {
		printf("none\n");
		return;
	}
	printf("err %s\nunchanged %u\nstatus %d\n",
	    r.err < sizeof(errors) / sizeof(errors[0]) ? errors[r.err] : "?",
	    r.unchanged, r.status);
	printf("rule %.*s\nerror %.*s\nnotes %.*s\n", (int)sizeof(r.rule),
	    r.rule, (int)sizeof(r.error), r.error, (int)sizeof(r.notes),
	    r.notes);
}

int
main(int argc, char *argv[])
{
	int request[2], reply[2], status, i;
	pid_t pid = -1;

	if (argc < 2)
		error(2, 0, "usage: frame HELPER KEY=VALUE...");
	for (i = 2; i < argc; i++)
		set(argv[i]);
	signal(SIGPIPE, SIG_IGN);
	if (pipe(request) != 0 || pipe(reply) != 0 || (pid = fork()) < 0)
		error(2, errno, "pipe or fork");
	if (pid == 0)
		run_helper(argv[1], request[0], reply[1]);
	close(request[0]);
	close(reply[1]);
	send_frame(request[1]);
	if (!keep_open)
		close(request[1]);
	print_reply(reply[0]);
	if (waitpid(pid, &status, 0) != pid)
		error(2, errno, "waitpid");
	if (WIFSIGNALED(status))
		printf("signal %d\n", WTERMSIG(status));
	else
		printf("exit %d\n", WEXITSTATUS(status));
	return 0;
}
