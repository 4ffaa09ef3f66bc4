from espnet3.demo import session

session.open()
