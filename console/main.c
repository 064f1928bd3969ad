/* SPDX-License-Identifier: Apache-2.0 */
#include "console/commands.h"

int main(int argc, char **argv)
{
	return console_run(commands_all, argc, argv);
}
