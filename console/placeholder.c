/* SPDX-License-Identifier: Apache-2.0 */
typedef int console_placeholder;
