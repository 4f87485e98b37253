"""The papers, reproduced: Neural EM, RNN-EM and Relational NEM on whole small pictures, as their authors ran them.

Greff, van Steenkiste and Schmidhuber, Neural Expectation Maximization, NIPS 2017 ("N-EM" below); van Steenkiste, Chang, Greff and
Schmidhuber, Relational Neural Expectation Maximization, ICLR 2018 ("R-NEM"). "The authors' code" is what they published with both.

    worlds.py      pictures and their true groups, from a seed
    cells.py       one iteration: (update, state) -> (psi, state)
    unroll.py      many iterations, and their loss
    update.py      one update of the weights
    train.py       the loop, its folder, its stages
    evaluation.py  the scores of a trained network
    weights.py     its file, and where the networks that ship are found
    experiments.py what each experiment trains, claims and shows
    report.py      table, figures and page; pictures.py draws them
    command.py     `tracker paper NAME`: one experiment from beginning to end
    index.py       `tracker paper all`: every experiment, and the page that leads to them
    __main__.py    single networks: python -m tracker.papers train, test, ship
"""
