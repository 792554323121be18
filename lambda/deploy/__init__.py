"""The rollout controller: brings every serving stack of an environment to the newest approved model version.

A level-triggered reconciler. Whatever wakes it, it reads what should be live (the registry), reads what is live (the
stack and its endpoint), and converges by ``UpdateStack`` alone or says why it cannot. Nothing depends on which event
woke it, how often it came or whether an earlier one was lost.
"""
