/* SPDX-License-Identifier: Apache-2.0 */
typedef int processors_placeholder;
