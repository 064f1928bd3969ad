/* SPDX-License-Identifier: Apache-2.0 */
typedef int sinks_placeholder;
