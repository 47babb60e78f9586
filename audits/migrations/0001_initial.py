import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='LedgerEntry',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('entry_id', models.UUIDField(unique=True)),
                ('occurred_at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField()),
                ('verb', models.CharField(max_length=120)),
                ('subject_label', models.CharField(max_length=120)),
                ('subject_id', models.CharField(max_length=120)),
                ('unit_id', models.BigIntegerField(null=True)),
                ('model_id', models.BigIntegerField(null=True)),
                ('actor_id', models.CharField(blank=True, max_length=40)),
                ('act_id', models.UUIDField()),
                ('format_version', models.PositiveSmallIntegerField(default=1)),
                ('is_flagged', models.BooleanField(default=False)),
                ('payload_commitment', models.BinaryField()),
                ('envelope', models.TextField()),
                ('leaf', models.BinaryField()),
            ],
            options={
                'indexes': [models.Index(fields=['unit_id', '-id'], name='entry_unit'), models.Index(fields=['subject_label', 'subject_id', '-id'], name='entry_subject'), models.Index(fields=['actor_id', '-id'], name='entry_actor'), models.Index(fields=['verb', '-id'], name='entry_verb'), models.Index(fields=['act_id'], name='entry_act')],
                'constraints': [],
            },
        ),
        migrations.CreateModel(
            name='LedgerPayload',
            fields=[
                ('entry', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='payload', serialize=False, to='audits.ledgerentry', to_field='entry_id')),
                ('salt', models.BinaryField()),
                ('payload', models.TextField()),
            ],
            options={
                'abstract': False,
                'indexes': [],
                'constraints': [],
            },
        ),
        migrations.CreateModel(
            name='LedgerRemoval',
            fields=[
                ('entry_id', models.UUIDField(primary_key=True, serialize=False)),
                ('tombstone_id', models.UUIDField()),
            ],
            options={
                'abstract': False,
                'indexes': [],
                'constraints': [],
            },
        ),
        migrations.CreateModel(
            name='LedgerPending',
            fields=[
                ('entry_id', models.UUIDField(primary_key=True, serialize=False)),
            ],
            options={
                'indexes': [],
                'constraints': [],
            },
        ),
        migrations.CreateModel(
            name='LedgerLeaf',
            fields=[
                ('index', models.BigIntegerField(primary_key=True, serialize=False)),
                ('entry_id', models.UUIDField(unique=True)),
                ('entry_row', models.BigIntegerField()),
                ('leaf', models.BinaryField()),
            ],
            options={
                'abstract': False,
                'indexes': [],
                'constraints': [],
            },
        ),
        migrations.CreateModel(
            name='LedgerTile',
            fields=[
                ('pk', models.CompositePrimaryKey('level', 'index', blank=True, editable=False, primary_key=True, serialize=False)),
                ('level', models.PositiveSmallIntegerField()),
                ('index', models.BigIntegerField()),
                ('width', models.PositiveSmallIntegerField()),
                ('hashes', models.BinaryField()),
            ],
            options={
                'indexes': [],
                'constraints': [],
            },
        ),
        migrations.CreateModel(
            name='SigningKey',
            fields=[
                ('fingerprint', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('public_key', models.BinaryField()),
                ('valid_from', models.DateTimeField()),
                ('valid_until', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [],
                'constraints': [],
            },
        ),
        migrations.CreateModel(
            name='Checkpoint',
            fields=[
                ('size', models.BigIntegerField(primary_key=True, serialize=False)),
                ('root', models.BinaryField()),
                ('note', models.TextField()),
                ('created_at', models.DateTimeField()),
                ('key', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='checkpoints', to='audits.signingkey')),
            ],
            options={
                'abstract': False,
                'indexes': [],
                'constraints': [],
            },
        ),
        migrations.CreateModel(
            name='AccessLog',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('batch_id', models.UUIDField()),
                ('actor_id', models.CharField(blank=True, max_length=40)),
                ('what', models.CharField(max_length=120)),
                ('subject_label', models.CharField(max_length=120)),
                ('subject_id', models.CharField(max_length=120)),
                ('unit_id', models.BigIntegerField(null=True)),
                ('client', models.CharField(blank=True, max_length=120)),
                ('accessed_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['batch_id', 'id'], name='access_batch'), models.Index(fields=['unit_id', '-id'], name='access_unit'), models.Index(fields=['subject_label', 'subject_id', '-id'], name='access_subject'), models.Index(fields=['actor_id', '-id'], name='access_actor')],
                'constraints': [],
            },
        ),
    ]
