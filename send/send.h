/* SPDX-License-Identifier: ISC */
/*
 * send.h - the sendmail(8) stand-in: takes a message from a program that mails
 * without SMTP, and submits it to the run that SMTP_HOST names.
 */
#ifndef SEND_SEND_H
#define SEND_SEND_H

#include "base/base.h"

/*
 * Runs one command line of sendmail(8).  Returns the status to exit with, and
 * adds the lines for standard error to *said.  They end in LF, and may hold
 * anything that a server replied.  The caller frees said->p.
 */
int send_main(int argc, char **argv, struct text *said);

#endif
