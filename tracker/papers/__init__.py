"""The papers, reproduced: Neural EM, RNN-EM and Relational NEM on whole small pictures, as their authors ran them.

Greff, van Steenkiste and Schmidhuber, Neural Expectation Maximization, NIPS 2017 ("N-EM" below); van Steenkiste, Chang, Greff and
Schmidhuber, Relational Neural Expectation Maximization, ICLR 2018 ("R-NEM"). "The authors' code" is what they published with both.

    mixture.py     classical EM, where it began: docs/em.md
    worlds.py      pictures and their true groups, from a seed
    cells.py       one iteration: (update, state) -> (psi, state)
    unroll.py      many iterations, and their loss
    train.py       the loop, its folder, its stages; python -m tracker.papers.train CONFIG --out DIR
    evaluation.py  the papers' scores; python -m tracker.papers.evaluation DIR
"""
