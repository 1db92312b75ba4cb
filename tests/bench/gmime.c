/* SPDX-License-Identifier: ISC */
/*
 * gmime.c - what GMime takes for the same mails: parsing, the texts as UTF-8, and
 * the SHA-256 of what is no text.
 *
 *     gmime FILE N    the mail in this file, N times
 */
#include <stdio.h>
#include <stdlib.h>

#include <gmime/gmime.h>

static gsize seen;

/* Decodes a leaf. */
static void take(GMimeObject *parent, GMimeObject *part, gpointer context)
{
    (void)parent, (void)context;
    if (GMIME_IS_TEXT_PART(part)) {
        char *text = g_mime_text_part_get_text(GMIME_TEXT_PART(part));
        seen += text != NULL ? strlen(text) : 0;
        g_free(text);
    } else if (GMIME_IS_PART(part)) {
        unsigned char digest[32];
        GMimeFilter *sha = g_mime_filter_checksum_new(G_CHECKSUM_SHA256);
        GMimeStream *null = g_mime_stream_null_new(), *filtered = g_mime_stream_filter_new(null);
        g_mime_stream_filter_add(GMIME_STREAM_FILTER(filtered), sha);
        g_mime_data_wrapper_write_to_stream(g_mime_part_get_content(GMIME_PART(part)), filtered);
        seen += g_mime_filter_checksum_get_digest(GMIME_FILTER_CHECKSUM(sha), digest, sizeof digest);
        g_object_unref(filtered);
        g_object_unref(null);
        g_object_unref(sha);
    }
}

int main(int argc, char **argv)
{
    char *octets;
    gsize n;
    if (argc != 3 || !g_file_get_contents(argv[1], &octets, &n, NULL))
        return 2;
    g_mime_init();
    for (long i = strtol(argv[2], NULL, 10); i > 0; i--) {
        GMimeStream *stream = g_mime_stream_mem_new_with_buffer(octets, n);
        GMimeParser *parser = g_mime_parser_new_with_stream(stream);
        GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);
        g_mime_message_foreach(message, take, NULL);
        g_object_unref(message);
        g_object_unref(parser);
        g_object_unref(stream);
    }
    g_free(octets);
    return seen > 0 ? 0 : 1;
}
