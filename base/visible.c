/* SPDX-License-Identifier: ISC */
/*
 * visible.c - characters that can be shown to a person.
 */
#include "base/base.h"

/*
 * Controls, bidirectional and zero-width characters, fillers, variation
 * selectors, tags, private use, noncharacters.  From the Unicode Character
 * Database: General_Category Cc, Cf, Zl, Zp and Co, and
 * Default_Ignorable_Code_Point.  SCAN_UNSEEN has their first octets.
 */
static const struct {
    uint32_t first, last;
} unseen[] = {
    {0x0000, 0x001f},   {0x007f, 0x009f},   {0x00ad, 0x00ad},   {0x034f, 0x034f},    {0x0600, 0x0605},
    {0x061c, 0x061c},   {0x06dd, 0x06dd},   {0x070f, 0x070f},   {0x0890, 0x0891},    {0x08e2, 0x08e2},
    {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},    {0x2028, 0x202e},
    {0x2060, 0x206f},   {0x2800, 0x2800},   {0x3164, 0x3164},   {0xd800, 0xf8ff},    {0xfdd0, 0xfdef},
    {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},    {0xfffe, 0xffff},
    {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3},  {0x1d173, 0x1d17a},
    {0x1fffe, 0x1ffff}, {0x2fffe, 0x2ffff}, {0x3fffe, 0xdffff}, {0xe0000, 0x10ffff},
};

size_t visible_take(struct span t, bool *visible)
{
    size_t length = utf8_length(t), low = 0, high = sizeof unseen / sizeof unseen[0] - 1;
    *visible = length > 0;
    if (length == 0)
        return 1;
    uint32_t c = utf8_code_point((struct span){t.p, length});
    while (low < high) { /* the first range that does not end before it; there is one */
        size_t middle = (low + high) / 2;
        if (c > unseen[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    *visible = c < unseen[low].first;
    return length;
}
