import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('foundation', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='HistoricalKpiTarget',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, verbose_name='ID')),
                ('history_user_id', models.CharField(max_length=40, null=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('kpi', models.CharField(max_length=60)),
                ('tier', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('value', models.FloatField()),
                ('green_limit', models.FloatField()),
                ('amber_limit', models.FloatField()),
                ('valid_from', models.DateField()),
                ('reason', models.TextField(blank=True)),
                ('proposed_at', models.DateTimeField()),
                ('approved_at', models.DateTimeField(blank=True, null=True)),
                ('declined_at', models.DateTimeField(blank=True, null=True)),
                ('unit', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='foundation.businessunit')),
                ('proposed_by', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('approved_by', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('declined_by', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField()),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
            ],
            options={
                'verbose_name': 'historical kpi target',
                'verbose_name_plural': 'historical kpi targets',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
                'indexes': [models.Index(fields=['id', '-history_date', '-history_id'], name='kpis_histor_id_eeeee6_idx')],
                'constraints': [],
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='KpiTarget',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kpi', models.CharField(max_length=60)),
                ('unit', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='foundation.businessunit')),
                ('tier', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('value', models.FloatField()),
                ('green_limit', models.FloatField()),
                ('amber_limit', models.FloatField()),
                ('valid_from', models.DateField()),
                ('reason', models.TextField(blank=True)),
                ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('proposed_at', models.DateTimeField()),
                ('approved_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('approved_at', models.DateTimeField(blank=True, null=True)),
                ('declined_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('declined_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['kpi', 'unit', 'tier', '-valid_from', '-id'], name='kpis_kpitar_kpi_6df2db_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('kpi__in', ('deployment_frequency',)), _negated=True), name='no_target_on_deployment_frequency', violation_error_message='Deployment frequency has no target: stability is no fault.'), models.CheckConstraint(condition=models.Q(('approved_by__isnull', True), models.Q(('approved_by', models.F('proposed_by')), _negated=True), _connector='OR'), name='kpi_target_by_two_people', violation_error_message='Someone other than the proposer must approve a target.'), models.CheckConstraint(condition=models.Q(models.Q(('approved_at__isnull', True), ('approved_by__isnull', True)), models.Q(('approved_at__isnull', False), ('approved_by__isnull', False)), _connector='OR'), name='kpi_target_approved_at_and_by_together'), models.CheckConstraint(condition=models.Q(models.Q(('declined_at__isnull', True), ('declined_by__isnull', True)), models.Q(('approved_at__isnull', True), ('declined_at__isnull', False), ('declined_by__isnull', False)), _connector='OR'), name='kpi_target_declined_at_and_by_together'), models.CheckConstraint(condition=models.Q(('tier__isnull', True), models.Q(('tier__gte', 1), ('tier__lte', 4)), _connector='OR'), name='kpi_target_tier_one_to_four')],
            },
        ),
        migrations.CreateModel(
            name='KpiSnapshot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kpi', models.CharField(max_length=60)),
                ('formula_version', models.CharField(max_length=80)),
                ('unit', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='foundation.businessunit')),
                ('scope', models.JSONField(blank=True, default=dict)),
                ('scope_digest', models.CharField(max_length=64)),
                ('window_start', models.DateTimeField()),
                ('window_end', models.DateTimeField()),
                ('numerator', models.FloatField(blank=True, null=True)),
                ('denominator', models.FloatField(blank=True, null=True)),
                ('n', models.PositiveIntegerField(default=0)),
                ('value', models.FloatField(blank=True, null=True)),
                ('reason', models.CharField(blank=True, max_length=40)),
                ('source_digest', models.CharField(blank=True, max_length=64)),
                ('detail', models.JSONField(blank=True, default=dict)),
                ('computed_at', models.DateTimeField()),
                ('frozen', models.BooleanField(default=False)),
            ],
            options={
                'indexes': [models.Index(fields=['kpi', 'scope_digest', 'window_end', '-computed_at'], name='kpis_kpisna_kpi_37f898_idx'), models.Index(fields=['unit', 'kpi', 'window_end'], name='kpis_kpisna_unit_id_26b4a1_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('window_end__gte', models.F('window_start'))), name='kpi_snapshot_window_in_order'), models.CheckConstraint(condition=models.Q(('value__isnull', False), models.Q(('reason', ''), _negated=True), _connector='OR'), name='kpi_snapshot_value_or_reason')],
            },
        ),
    ]
