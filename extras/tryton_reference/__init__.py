# This file is part of isthmus_reference, a Tryton module.
# SPDX-License-Identifier: GPL-3.0-or-later
