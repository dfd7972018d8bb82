#include "holder.h"

/* Waits to go on, and ends with the status 7. */
PROGRAM(idle)
{
	ready_and_wait();
	_exit(7);
}

static void note_and_end(int signal)
{
	_exit(40 + signal);
}

/* Ends with 40 and the number of the signal that it gets. */
PROGRAM(interruptible)
{
	signal(SIGTERM, note_and_end);
	signal(SIGINT, note_and_end);
	ready_and_wait();
}
