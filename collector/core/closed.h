/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What twice the CPUs give a closed load: tasks that sleep, run and sleep again, so that work done
 * later is asked for later, too (answer-model 7b).
 */
#pragma once

/*
 * Work done on 2 x @c CPUs over work done on @c: 1 .. 2.  @busy: CPUs busy, @runnable: tasks
 * running or waiting, both means over the same time; @tasks: how many there are, or the most that
 * were runnable at once.  Exact for exponential work under any fair scheduler; waiting for a lock
 * looks like sleep, so it is too low where that shrinks with more CPUs, and too high where the lock
 * is what there is too little of.
 */
double hr_closed_gain(unsigned c, double busy, double runnable, double tasks);
